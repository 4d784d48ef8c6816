"""A whole shop of real processes, small and made by hand."""

import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from stack import preparation
from stack.children import child_of, stop_together
from stack.environment import Environment
from stack.parts.broker import Broker
from stack.programs import PROGRAMS, databases, program_ports
from stack.state import State
from stack.storefront import wait_until_served
from tests.e2e import small_shop
from tests.tokens import ROLES


@dataclass(frozen=True)
class Shop:
    """A running shop and a shopper that it knows."""

    gateway_url: str
    warehouse_url: str
    shopper: str
    environment: Environment

    @property
    def staff_token(self):
        """A new token of somebody with every role: it lives for five minutes, and the shop for longer."""
        return self.environment.signer("auth").user_token("staff", roles=ROLES)


@contextmanager
def running_shop(directory, database, warehouse, valkey):
    """Every service, landing and serving as processes of their own, with hand-made goods, events and bundle."""
    with ExitStack() as stack:
        broker = stack.enter_context(Broker(directory / "broker"))
        outside = {
            **os.environ,
            "KAFKA_URL": broker.url,
            "KAFKA_IDEMPOTENCE": "false",
            "REDIS_URL": valkey.url,
            "GATEWAY_PREVIEW_LOGIN": "true",
            "AUTH_PREVIEW": "true",
            **{variable: database(name) for variable, name in databases().items()},
            **warehouse.environment,
        }
        state = State(directory / "shop")
        environment = Environment(state, state.ports(program_ports()), outside)
        preparation.make_topics(environment.kafka)
        preparation.migrate(environment.variables, state.log("migrations"))
        children = [child_of(program, environment) for program in PROGRAMS if not program.tool]
        stack.callback(stop_together, children, 20)
        for child in children:
            child.start()
        for child in children:
            child.process.wait_ready()
        small_shop.fill(environment)
        wait_until_served(environment, small_shop.SHOPPER)
        gateway = environment.address("gateway")
        yield Shop(gateway, warehouse.owner, small_shop.SHOPPER, environment)
