"""Every test here has Kafka clients in its own process."""

from tests.plant.sockets import foreign_sockets

__all__ = ["foreign_sockets"]
