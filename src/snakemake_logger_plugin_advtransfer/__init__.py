"""Snakemake's logger plugin ``advtransfer``: what becomes of each job goes into the journal of the run.

Snakemake finds it by its name. Of the plugins that were there to be had, snakemake-logger-plugin-rich draws bars in the
process of Snakemake alone: it leaves nothing for another terminal to read, and knows neither phases nor trainings.
"""

import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.settings import LogHandlerSettingsBase

from advtransfer.cli import journal


@dataclass
class LogHandlerSettings(LogHandlerSettingsBase):
    """``--logger-advtransfer-terse``: for whoever shows the journal, as `advtransfer run` does."""

    terse: bool = field(
        default=False, metadata={"help": "Print warnings and errors alone, and none of single jobs."}
    )


class LogHandler(LogHandlerBase):
    """Receives every record of Snakemake's logger in a thread of its own, in their order."""

    def __post_init__(self) -> None:
        self._journal = journal.Writer()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            for event, jobs, message in _events(record):
                self._journal.append(event, jobs, message)
            if self.writes_to_stream and _is_news(record):
                print(self.format(record), file=sys.stderr, flush=True)
        except Exception:  # a journal that cannot be written must not end the run
            self.handleError(record)

    def close(self) -> None:
        """Snakemake has come to its end."""
        self._journal.append(journal.END)
        self._journal.close()
        super().close()

    @property
    def writes_to_stream(self) -> bool:
        """Whether it stands for what Snakemake prints."""
        return isinstance(self.settings, LogHandlerSettings) and self.settings.terse

    @property
    def writes_to_file(self) -> bool:
        return False  # of those that Snakemake names at its end

    @property
    def has_filter(self) -> bool:
        return True  # none: `--quiet` is about what Snakemake prints

    @property
    def has_formatter(self) -> bool:
        return False  # Snakemake's

    @property
    def needs_rulegraph(self) -> bool:
        return False


def _events(record: logging.LogRecord) -> Iterator[tuple[str, list[int], str]]:
    """Event, job numbers and message of a record that is about jobs."""
    told = record.__dict__
    match told.get("event"):
        case LogEvent.JOB_INFO:  # JOB_STARTED names a group of jobs by one number
            yield journal.STARTED, [told["jobid"]], ""
        case LogEvent.JOB_FINISHED:
            yield journal.FINISHED, [told["job_id"]], ""
        case LogEvent.JOB_ERROR:
            yield journal.FAILED, [told["jobid"]], told.get("rule_msg") or ""


def _is_news(record: logging.LogRecord) -> bool:
    """Warnings and errors, but for those that say which job failed: the journal does."""
    about_jobs = record.__dict__.get("event") in (LogEvent.JOB_ERROR, LogEvent.GROUP_ERROR)
    return record.levelno >= logging.WARNING and not about_jobs
