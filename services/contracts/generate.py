"""Generates the contracts for other languages: a JSON Schema per event and one AsyncAPI document.

`python -m services.contracts.generate` writes them to `services/contracts/schemas/`, and refuses a change that would
break a consumer of the committed version: such a change needs a new topic version.
"""

import json
import sys
from pathlib import Path
from typing import Any

import yaml
from pydantic.json_schema import GenerateJsonSchema

from services.contracts.compatibility import breaking_changes
from services.contracts.envelope import Event
from services.contracts.registry import EVENTS, EventType
from services.contracts.topics import TOPICS

FOLDER = Path(__file__).with_name("schemas")
ASYNCAPI = FOLDER / "asyncapi.yaml"

Document = dict[str, Any]


class _Untitled(GenerateJsonSchema):
    """Omits titles that would only repeat the field's name."""

    def field_title_should_be_set(self, schema: object) -> bool:
        """Never."""
        del schema
        return False


def _file(kind: EventType) -> str:
    return f"{kind.name.lower()}.v{kind.version}.json"


def event_schema(kind: EventType) -> Document:
    """The JSON Schema of one whole message: the envelope with its payload in place of `data`."""
    schema = Event.model_json_schema(by_alias=True, schema_generator=_Untitled)
    payload = kind.payload.model_json_schema(by_alias=True, schema_generator=_Untitled)
    definitions = schema.pop("$defs", {}) | payload.pop("$defs", {})
    definitions.pop("JsonValue", None)
    schema["title"] = kind.name
    schema["description"] = payload.get("description", "")
    schema["properties"]["eventType"] = {"const": kind.name}
    schema["properties"]["schemaVersion"]["default"] = kind.version
    schema["properties"]["data"] = payload
    if "JsonValue" in json.dumps(schema):
        definitions["JsonValue"] = {}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        **({"$defs": definitions} if definitions else {}),
    }


def asyncapi() -> Document:
    """The AsyncAPI 3.0 document: one channel per topic, its events as messages."""
    channels: Document = {}
    operations: Document = {}
    for topic in TOPICS.values():
        kinds = [kind for kind in EVENTS.values() if kind.topic == topic.name]
        channels[topic.table] = {
            "address": topic.name,
            "description": f"Keyed by {topic.key.words}.",
            "messages": {
                kind.name: {
                    "name": kind.name,
                    "contentType": "application/json",
                    "payload": {"$ref": f"./{_file(kind)}"},
                }
                for kind in kinds
            },
            "bindings": {
                "kafka": {
                    "topic": topic.name,
                    "partitions": topic.partitions,
                    "topicConfiguration": {
                        "retention.ms": topic.retention_ms,
                        "max.message.bytes": topic.max_message_bytes,
                    },
                }
            },
        }
        operations[f"send_{topic.table}"] = {
            "action": "send",
            "channel": {"$ref": f"#/channels/{topic.table}"},
        }
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Tanawari events", "version": "1", "license": {"name": "Apache-2.0"}},
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
    }


def documents() -> dict[Path, str]:
    """The text of every generated file."""
    files = {FOLDER / _file(kind): json.dumps(event_schema(kind), indent=2) + "\n" for kind in EVENTS.values()}
    files[ASYNCAPI] = yaml.safe_dump(asyncapi(), sort_keys=False, allow_unicode=True, width=120)
    return files


def faults_against(folder: Path) -> list[str]:
    """The changes that would break users of the documents in a folder; empty if all changes are additive."""
    faults: list[str] = []
    new = {path.name: text for path, text in documents().items()}
    for path in sorted(folder.glob("*.json")):
        if path.name in new:
            changes = breaking_changes(json.loads(path.read_text()), json.loads(new[path.name]))
            faults += [f"{path.name}: {change}" for change in changes]
        elif path.name.partition(".")[0].upper() not in EVENTS:
            faults.append(f"{path.name} is dropped")
    if (old := folder / ASYNCAPI.name).exists():
        channels = yaml.safe_load(new[ASYNCAPI.name])["channels"]
        for table, channel in yaml.safe_load(old.read_text())["channels"].items():
            left = sorted(channel["messages"].keys() - channels.get(table, {"messages": {}})["messages"].keys())
            faults += [f"{name} leaves {channel['address']}" for name in left]
    return faults


def main() -> int:
    """Write the documents; returns 1 and writes nothing if a change is not additive."""
    faults = faults_against(FOLDER)
    if faults:
        sys.stderr.write("Not additive; make a new topic version instead:\n" + "\n".join(faults) + "\n")
        return 1
    FOLDER.mkdir(exist_ok=True)
    for path, text in documents().items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
