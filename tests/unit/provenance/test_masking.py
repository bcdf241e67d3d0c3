"""Messages of other tools, as they come, without what opens doors."""

import pytest

from advtransfer.provenance.masking import masked

ADDRESSES = {
    "MLFLOW_TRACKING_URI": "postgresql://u:p%40ss/word@h/db",
    "HTTPS_PROXY": "http://me:tr0ub4dor@proxy:3128",
}
KEYS = {"AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG", "MLFLOW_TRACKING_TOKEN": "eyJhbGciOi"}


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("at http://robot:hunter2@host:5000/api", "at http://***@host:5000/api"),
        ("at https://ghp_abcdef@github.com/x.git", "at https://***@github.com/x.git"),
        ("no route to http://robot:p@ss@host", "no route to http://***@host"),
        ("s3://AKIA:abc@minio:9000/bucket?x=1", "s3://***@minio:9000/bucket?x=1"),
        ("GET /key?X-Amz-Signature=abcd&X-Amz-Date=2026", "GET /key?X-Amz-Signature=***&X-Amz-Date=2026"),
        ("url?a=1&password=hunter2;b=2", "url?a=1&password=***;b=2"),
        ("headers {'Authorization': 'Basic cm9ib3Q6aA=='}", "headers {'Authorization': 'Basic ***'}"),
        ("parsing 'postgresql:/u:p%40ss/word@h/db'", "parsing 'postgresql:/u:***@h/db'"),
        ("password p@ss/word is wrong", "password *** is wrong"),
        ("proxy refused tr0ub4dor", "proxy refused ***"),
        ("key wJalrXUtnFEMI/K7MDENG denied", "key *** denied"),
        ("bearer eyJhbGciOi", "bearer ***"),
    ],
)
def test_secrets_are_masked(said, shown):
    assert masked(said, ADDRESSES | KEYS) == shown


@pytest.mark.parametrize(
    "said",
    [
        "https://host/a?b=c",
        "mail me@host",
        "results/claims.json: 3 @ 4",
        "sqlite:///mlflow.db",
        "s3://bucket/key",
    ],
)
def test_what_is_none_stays(said):
    environment = {
        "TOKENIZERS_PARALLELISM": "host",
        "AWS_WEB_IDENTITY_TOKEN_FILE": "bucket",
        "MONKEY": "claims",
    }
    assert masked(said, environment | {"API_TOKEN": "a"}) == said
