"""The committed offsets of a consumer group, each with the id of the log that it is of.

An offset of another log means nothing: a topic that was created again is read from its start, by members that were
running and by those that were not. The embedded broker stores no id with an offset, so there a member knows only the
logs that it has read itself; offsets that other tools commit have no id either, and count.
"""

from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, OffsetAndMetadata, TopicPartition

from services.common.messaging.broker import LogWatch
from services.contracts.topic_ids import is_same_log


class Offsets:
    """The offsets of one member.

    Args:
        client: a member of the group, started.
        watch: knows the logs of its topics.
        logs: by topic the log that this process read last; kept up to date, for the next member.
    """

    def __init__(self, client: AIOKafkaConsumer, watch: LogWatch, logs: dict[str, str]) -> None:
        self._client = client
        self._watch = watch
        self._logs = logs
        self._placed: frozenset[TopicPartition] = frozenset()

    @property
    def are_placed(self) -> bool:
        """Whether each assigned partition is read from where `place` has put it."""
        return bool(self._client.assignment() == self._placed)

    async def place(self) -> None:
        """Seek each assigned partition to its committed offset, or to the start if that is of another log.

        What was fetched before is dropped with that: the group may have assigned a partition meanwhile.

        Raises:
            LogReplacedError: a topic has another log than when this member began.
            KafkaError: the broker does not respond.
            OSError: likewise.
        """
        assigned = self._client.assignment()
        await self._watch.identify()
        coordinator = self._client._coordinator  # noqa: SLF001 - `committed` leaves the metadata out
        committed = await coordinator.fetch_committed_offsets(list(assigned))
        self._placed = assigned & self._client.assignment()
        for part in self._placed:
            offset, log_id = committed.get(part, OffsetAndMetadata(0, ""))
            present = self._watch.ids[part.topic]
            is_known = is_same_log(log_id or self._logs.get(part.topic, present), present)
            self._client.seek(part, offset if is_known else 0)
        self._logs |= self._watch.ids

    async def commit(self, reached: Mapping[TopicPartition, int]) -> None:
        """Commit what was reached on the partitions that are still ours."""
        ours = reached.keys() & self._placed & self._client.assignment()
        if ours:
            logs = self._watch.ids
            await self._client.commit({part: OffsetAndMetadata(reached[part], logs[part.topic]) for part in ours})
