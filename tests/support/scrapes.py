"""/metrics of a running daemon."""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from support.beside import Beside
from support.rig import wait_until


class Scrape:
    """One exposition."""

    def __init__(self, text: str) -> None:
        self.values: dict[str, dict[frozenset[tuple[str, str]], float]] = defaultdict(dict)
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                self.values[sample.name][frozenset(sample.labels.items())] = sample.value

    def total(self, name: str, **labels: str) -> float:
        """The sum over all series that have these labels."""
        return sum(value for key, value in self.values[name].items() if labels.items() <= dict(key).items())

    def by(self, label: str, name: str) -> Mapping[str, float]:
        """The sums by one label."""
        sums: dict[str, float] = defaultdict(float)
        for key, value in self.values[name].items():
            sums[dict(key)[label]] += value
        return sums

    def broken_laws(self) -> list[str]:
        """What does not add up."""
        received, settled, in_flight = (
            self.by("topic", f"claimx_records_{name}")
            for name in ("received_total", "settled_total", "in_flight")
        )
        found = [
            f"{topic}: {count} received, {settled[topic]} settled, {in_flight[topic]} in flight"
            for topic, count in received.items()
            if count != settled[topic] + in_flight[topic]
        ]
        into, out = self.total("claimx_delay_rows_in_total"), self.total("claimx_delay_rows_out_total")
        waiting = self.total("claimx_delay_rows")
        return found + ([f"{into} rows in, {out} out, {waiting} wait"] if into != out + waiting else [])


def port_of(log: Callable[[], str]) -> int:
    """The health port, as the log tells it."""

    def lines() -> list[str]:
        return [line for line in log().splitlines() if '"health.listening"' in line]

    wait_until(lines, "the health port")
    return int(json.loads(lines()[0])["port"])


def scrape(port: int) -> Scrape:
    """Ask for the exposition."""
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        return Scrape(answer.read().decode())


class Sampling(Beside):
    """Scrapes again and again while the block runs."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.samples: list[Scrape] = []
        self._port = port

    def work(self) -> None:
        while not self.end.wait(0.1):
            self.samples.append(scrape(self._port))
