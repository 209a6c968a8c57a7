"""Sending the writes of one `apply`: an error before the first one raises, every later one is a reply."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from syncd.errors import TargetError
from syncd.ldapwire.operations import NOT_SENT, Operation, Reply

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from syncd.ldapwire.directory import Directory

Job = TypeVar("Job")


class Sender:
    """Writes for one `apply`; remembers whether anything was written at all."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._begun = False

    def send(self, jobs: Sequence[tuple[Job, Operation]]) -> Iterator[tuple[Job, Reply]]:
        """(job, reply) for each, as answers come; only for writes that do not need each other.

        Raises a `TargetError` only where nothing was written before.
        """
        if not jobs:
            return
        by_operation = {id(operation): job for job, operation in jobs}
        try:
            for reply in self._directory.write([operation for _, operation in jobs]):
                self._begun = True
                yield by_operation.pop(id(reply.operation)), reply
        except TargetError as error:
            if not self._begun:
                raise
            operations = {id(operation): operation for _, operation in jobs}
            for number, job in by_operation.items():
                yield job, Reply(operations[number], NOT_SENT, error.message)

    def send_one(self, operation: Operation) -> Reply:
        """The reply to a single write."""
        return next(reply for _, reply in self.send([(None, operation)]))
