import subprocess
import sys

AWAY = """
import logging
from warehouse import logs

logs.configure()
for error in ("refused", "reset"):
    logging.getLogger("aiokafka.conn").error("Unable connect to node %s: %s", 1, error)
    logging.getLogger("aiokafka").error("Unable to update metadata")
    logging.getLogger("warehouse.writer").warning("the warehouse is unavailable")
"""


def test_what_the_client_says_of_a_broker_that_is_away_is_said_once_a_minute():
    told = subprocess.run([sys.executable, "-c", AWAY], check=True, capture_output=True, text=True).stderr
    assert [told.count(text) for text in ("Unable connect", "Unable to update", "warehouse is unavailable")] == [
        1,
        1,
        2,
    ]
