"""Totals of what became of files."""

from claimx.domain.results import Status, Totals, UploadResult
from claimx.domain.times import SECOND


def report(status: Status, second: int, size_bytes: int = 0) -> UploadResult:
    return UploadResult("e", "1", "2", "upload", status, second * SECOND, size_bytes)


def test_nothing_reported_has_no_rate() -> None:
    assert Totals().as_dict() == {
        "completed": 0,
        "failed": 0,
        "failed_permanent": 0,
        "file_bytes": 0,
        "success_rate": None,
        "failure_rate": None,
        "per_s": 0.0,
    }


def test_totals_are_of_all_reports_and_rates_of_the_last_hundred() -> None:
    totals = Totals()
    for second in range(50):
        totals.add(report("failed", second))
    for second in range(50, 140):
        totals.add(report("completed", second, 10))
    for second in range(140, 150):
        totals.add(report("failed_permanent", second))
    told = totals.as_dict()
    assert (told["completed"], told["failed"], told["failed_permanent"]) == (90, 50, 10)
    assert told["file_bytes"] == 900
    assert told["success_rate"] == 0.9
    assert told["per_s"] == 1.0
