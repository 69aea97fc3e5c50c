"""The dead-letter topics."""

from typing import Protocol

from claimx.domain.dead_letter import DeadLetter


class DeadLetters(Protocol):
    """Where a person finds what was given up."""

    async def put(self, letter: DeadLetter) -> None:
        """Produce one dead letter; returns after the broker's acknowledgement by all replicas in sync.

        Raises:
            TransientError: ``kafka.produce``, not acknowledged; doing it again folds by the letter's id.
        """
        ...
