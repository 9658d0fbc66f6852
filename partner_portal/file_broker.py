"""A broker without a server: messages are files under one folder, for small installs on one machine.

Kombu's own file transport loses what a killed worker had taken, and can hand over a half-written file. Here a message
appears whole (written aside, then renamed), stays in the worker's own folder until it is acknowledged, and goes back to
the queue when the lock on that folder shows that its worker is gone.

    FOLDER/ready/<queue>/<time>-<id>.json      waiting
    FOLDER/taken/<worker>/<queue>/<same name>  being worked on; <worker>.lock is held while the worker lives
"""

import contextlib
import fcntl
import json
import os
import shutil
import time
import uuid
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, virtual

SCHEME = "portal-files"
LONGEST_WAIT = 0.5  # seconds
LOOK_FOR_THE_GONE = 60  # seconds between looks for workers that are gone


class Channel(virtual.Channel):
    """Puts messages into, and takes them out of, one folder a queue."""

    def __init__(self, connection: Any, **kwargs: Any) -> None:
        super().__init__(connection, **kwargs)
        folder = Path(connection.client.transport_options["folder"])
        self.ready = folder / "ready"
        self.taken = folder / "taken"
        self._mine: Path | None = None
        self._lock = -1
        self._looked = 0.0
        self._files: dict[str, Path] = {}  # delivery tag -> file that is being worked on

    def _put(self, queue: str, message: dict[str, Any], **_: Any) -> None:
        folder = self.ready / queue
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{time.time_ns()}-{uuid.uuid4()}"
        draft = folder / f"{name}.draft"
        try:
            with draft.open("w", encoding="utf-8") as file:
                json.dump(message, file)
                file.flush()
                os.fsync(file.fileno())
            draft.rename(folder / f"{name}.json")
        except BaseException:
            draft.unlink(missing_ok=True)
            raise

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:
        mine = self._own_folder() / queue
        mine.mkdir(exist_ok=True)
        for name in self._waiting(queue):
            path = mine / name
            try:
                (self.ready / queue / name).rename(path)
            except FileNotFoundError:
                continue  # another worker was faster
            message: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            self._files[message["properties"]["delivery_tag"]] = path
            return message
        raise Empty

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:
        """Forget the message: it has been worked on."""
        super().basic_ack(delivery_tag, multiple)
        self._done(delivery_tag)

    def basic_reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Forget the message, or put it back."""
        super().basic_reject(delivery_tag, requeue=requeue)
        self._done(delivery_tag)

    def _restore(self, message: virtual.Message) -> None:
        super()._restore(message)
        self._done(message.delivery_tag)

    def close(self) -> None:
        """Put back what was not acknowledged and leave."""
        super().close()
        if self._mine is not None:
            self._give_back(self._mine)
            os.close(self._lock)
            self._mine = None

    def _done(self, delivery_tag: str | None) -> None:
        if delivery_tag is not None and (path := self._files.pop(delivery_tag, None)) is not None:
            path.unlink(missing_ok=True)

    def _waiting(self, queue: str) -> list[str]:
        try:
            return sorted(name for name in os.listdir(self.ready / queue) if name.endswith(".json"))
        except FileNotFoundError:
            return []

    def _size(self, queue: str) -> int:
        return len(self._waiting(queue))

    def _purge(self, queue: str) -> int:
        count = 0
        for name in self._waiting(queue):
            with contextlib.suppress(FileNotFoundError):
                (self.ready / queue / name).unlink()
                count += 1
        return count

    def _own_folder(self) -> Path:
        """This worker's folder; now and then also takes back what workers that are gone had taken."""
        if time.monotonic() - self._looked > LOOK_FOR_THE_GONE or self._mine is None:
            self._looked = time.monotonic()
            self.taken.mkdir(parents=True, exist_ok=True)
            for folder in [path for path in self.taken.iterdir() if path.is_dir() and path != self._mine]:
                self._take_back(folder)
        if self._mine is None:
            mine = self.taken / str(uuid.uuid4())
            # Locked before the folder is there, so that nobody sees the folder without its lock.
            self._lock = os.open(f"{mine}.lock", os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            mine.mkdir()
            self._mine = mine
        return self._mine

    def _take_back(self, folder: Path) -> None:
        lock = os.open(f"{folder}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._give_back(folder)
        except BlockingIOError:
            pass  # its worker is alive
        finally:
            os.close(lock)

    def _give_back(self, folder: Path) -> None:
        """Move the folder's messages to their queues and remove it. Call while holding its lock."""
        for path in folder.glob("*/*.json"):
            queue = self.ready / path.parent.name
            queue.mkdir(parents=True, exist_ok=True)
            path.rename(queue / path.name)
        shutil.rmtree(folder, ignore_errors=True)
        Path(f"{folder}.lock").unlink(missing_ok=True)


class Transport(virtual.Transport):
    """The folder as a transport."""

    Channel = Channel
    implements = virtual.Transport.implements.extend(asynchronous=False, exchange_type=frozenset(["direct", "topic"]))
    global_state = virtual.BrokerState()
    driver_type = "filesystem"
    driver_name = SCHEME

    def __init__(self, client: Any, **kwargs: Any) -> None:
        super().__init__(client, **kwargs)
        self.state = self.global_state

    def drain_events(self, connection: Any, timeout: float | None = None, **kwargs: Any) -> None:
        """Wait for a message, but briefly: a worker that is told to end looks up only between two waits."""
        if timeout is not None:
            timeout = min(timeout, LONGEST_WAIT)
        super().drain_events(connection, timeout=timeout, **kwargs)

    def driver_version(self) -> str:
        """There is no driver."""
        return "N/A"


TRANSPORT_ALIASES[SCHEME] = f"{__name__}:Transport"
