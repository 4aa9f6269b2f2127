"""A module that a fork server preloads and that opens the queue, as an application does."""

from pqkit.queue import get_queue

queue = get_queue()
queue.database.data_version()
