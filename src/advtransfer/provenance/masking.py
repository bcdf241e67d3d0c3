"""Keeps what opens doors out of messages and files: passwords in addresses, keys in the environment."""

import os
import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote, unquote

MASK = "***"
# Below that many characters a value is no secret worth the name, and may be part of any word.
_SHORTEST = 4
_SECRET_NAME = re.compile(
    r"(^|_)(SECRET|PASSWORD|PASSWD|PGPASSWORD|TOKEN|CREDENTIALS?|(ACCESS|API|PRIVATE)_?KEY)(_|$)", re.I
)
_PLACE = re.compile(r"_(FILE|PATH|DIR|FOLDER)$", re.I)  # where a secret lies is none
# user:password of an address, also of one that a client has mangled (`postgresql:/user:..`)
_PASSWORD = re.compile(r":/+[^\s/:@]*:(\S+)@")
_LOGIN = re.compile(r"(?<=://)[^\s\"'<>]*@")
_PARAMETER = re.compile(
    r"([?&;][\w.-]*(?:password|passwd|secret|token|signature|credential|key)[\w.-]*=)[^\s&;\"']+", re.I
)
_HEADER = re.compile(r"(authorization[\"']?\s*[:=]\s*[\"']?(?:basic|bearer)\s+)[^\s\"',}]+", re.I)


def masked(text: str, environment: Mapping[str, str] | None = None) -> str:
    """A text without the logins of addresses, and without what variables of the environment keep secret.

    For whatever other tools say: clients of servers repeat addresses and keys in their messages.
    """
    for secret in sorted(_secrets(os.environ if environment is None else environment), key=len, reverse=True):
        text = text.replace(secret, MASK)
    text = _LOGIN.sub(f"{MASK}@", text)
    text = _PARAMETER.sub(rf"\1{MASK}", text)
    return _HEADER.sub(rf"\1{MASK}", text)


def _secrets(environment: Mapping[str, str]) -> set[str]:
    """Values of variables that are named like secrets, and passwords in those that hold an address."""
    found = {
        value for name, value in environment.items() if _SECRET_NAME.search(name) and not _PLACE.search(name)
    }
    for value in environment.values():
        found.update(form for password in _PASSWORD.findall(value) for form in _forms(password))
    return {value for value in found if len(value) >= _SHORTEST}


def _forms(password: str) -> Iterator[str]:
    """As it was written, and as a client may write it."""
    yield from (password, unquote(password), quote(password, safe=""))
