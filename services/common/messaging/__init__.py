"""Events between services: the outbox and its relay on one side, consumers and followers on the other."""
