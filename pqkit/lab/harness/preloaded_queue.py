"""A module that a server loads before it forks, and that opens the queue at once, as an application does."""

from pqkit.queue import get_queue

queue = get_queue()
queue.database.data_version()
