"""What every test session shares: which broker it uses."""

from collections.abc import Iterator

import pytest

from support.kafka import Broker, apache_broker, mock_broker


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--kafka",
        choices=["mock", "apache"],
        default="mock",
        help="the broker of the tests: librdkafka's mock cluster, or Apache Kafka (make test-kafka)",
    )
    parser.addoption(
        "--update-golden", action="store_true", help="write the golden help texts anew: read them over"
    )


def is_about_kafka(item: pytest.Item) -> bool:
    return item.get_closest_marker("kafka") is not None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With the mock cluster, leave out what is about Apache Kafka itself; with Apache Kafka, what uses no broker."""
    apache = config.getoption("--kafka") == "apache"
    kept = [
        item
        for item in items
        if (
            "broker" in getattr(item, "fixturenames", ()) or is_about_kafka(item)
            if apache
            else not is_about_kafka(item)
        )
    ]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


@pytest.fixture(scope="session")
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are written anew."""
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture(scope="session")
def broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """The broker of this session; topics are for each test to make, under names of its own."""
    if request.config.getoption("--kafka") == "apache":
        with apache_broker(tmp_path_factory.mktemp("kafka")) as apache:
            yield apache
    else:
        with mock_broker() as mock:
            yield mock
