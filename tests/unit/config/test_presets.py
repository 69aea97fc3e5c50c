"""Presets are the commented file with some keys set, and work once their secrets are there."""

import tomllib
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer

from claimx.adapters.kafka import source_configs
from claimx.adapters.kafka_producer import producer_config
from claimx.cli.configs import Preset
from claimx.config.load import Loaded, load
from claimx.config.master import init_text
from claimx.config.presets import PRESETS, overlaid, preset_text
from claimx.telemetry.log import configure

SECRETS = {
    "CLAIMX_API_TOKEN": "dXNlcjpwdw==",
    "EVENTHUBS_CONNECTION_STRING": "Endpoint=sb://x/;SharedAccessKey=y",
}


def loaded(tmp_path: Path, name: str) -> Loaded:
    path = tmp_path / "claimx.toml"
    path.write_text(preset_text(name))
    return load(path, SECRETS)


def test_every_preset_can_be_asked_for() -> None:
    assert {each.value for each in Preset} == set(PRESETS)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_differs_in_its_keys_alone(name: str) -> None:
    before, after = init_text().splitlines(), preset_text(name).splitlines()
    assert [line for line in before if line not in after and not line.startswith("#")] == []
    added = [line for line in after if line not in before]
    assert len(added) == len(PRESETS[name])
    assert [line for line in after if line.startswith("# ")] == [
        line for line in before if line.startswith("# ")
    ]


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_passes_every_check_and_warns_of_nothing(name: str, tmp_path: Path) -> None:
    got = loaded(tmp_path, name)
    assert got.warnings == ()
    set_ = {path for path, origin in got.origins.items() if origin.startswith(str(tmp_path))}
    assert {path.replace('"', "") for path in PRESETS[name]} <= set_


def test_librdkafka_takes_every_option_of_event_hubs(tmp_path: Path) -> None:
    kafka = loaded(tmp_path, "eventhubs").settings.kafka
    assert (kafka.security_protocol, kafka.sasl_mechanism, kafka.sasl_username) == (
        "SASL_SSL",
        "PLAIN",
        "$ConnectionString",
    )
    log = configure("error", "json")
    unreachable = {"bootstrap.servers": "127.0.0.1:1"}
    configs = source_configs(kafka, "ingest", "claimx-0", 1024 * 1024, log)
    Consumer({**configs.consumer, **unreachable}).close()
    Producer({**producer_config(kafka, "claimx-0", log), **unreachable})


def test_a_key_that_the_file_does_not_have_is_no_silence() -> None:
    with pytest.raises(ValueError, match=r"no place for lake\.nothing"):
        overlaid(init_text(), {"lake.nothing": "1"})


def test_a_preset_is_toml() -> None:
    assert tomllib.loads(preset_text("eventhubs"))["kafka"]["client"]["request.timeout.ms"] == 30_000
