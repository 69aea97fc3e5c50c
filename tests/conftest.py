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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests marked ``kafka`` are about Apache Kafka's own behaviour: the mock cluster's session leaves them out."""
    if config.getoption("--kafka") == "apache":
        return
    left_out = [item for item in items if item.get_closest_marker("kafka")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """The broker of this session; topics are for each test to make, under names of its own."""
    if request.config.getoption("--kafka") == "apache":
        with apache_broker(tmp_path_factory.mktemp("kafka")) as apache:
            yield apache
    else:
        with mock_broker() as mock:
            yield mock
