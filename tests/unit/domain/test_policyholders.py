"""Whom a POLICYHOLDER event describes itself; and that such a task survives its topic."""

import json

import pytest

from claimx.domain.events import decode
from claimx.domain.policyholders import Policyholder, policyholder_in
from claimx.domain.tasks import decode_task, encode_task, enrichment_task, without_query
from support.payloads import INGESTED_AT, task

EVENT = {"eventType": "POLICYHOLDER_JOINED", "projectId": 5395115}
PERSON = {"email": " pat@example.com ", "firstName": "Pat", "phone": "null", "phoneCountryCode": 1}


@pytest.mark.parametrize(
    "record",
    [
        EVENT | PERSON,
        {**EVENT, "raw_data": PERSON},
        {**EVENT, "raw_data": json.dumps(PERSON)},
        EVENT | {"email_address": "pat@example.com", "first_name": "Pat", "phone_country_code": "1"},
        EVENT | {"email": "", "raw_data": PERSON},
    ],
)
def test_a_person_is_read_out_of_the_payload(record):
    assert policyholder_in(json.dumps(record)) == Policyholder("pat@example.com", "Pat", None, None, "1")


@pytest.mark.parametrize(
    "record",
    [
        EVENT,
        EVENT | {"email": None},
        EVENT | {"email": "null", "firstName": "Pat"},
        EVENT | {"email": ["x"]},
        EVENT | {"email": True},
        EVENT | {"raw_data": "not JSON"},
        EVENT | {"raw_data": "[1]"},
        EVENT | {"raw_data": 5},
    ],
)
def test_a_payload_without_an_email_describes_nobody(record):
    assert policyholder_in(json.dumps(record)) is None


@pytest.mark.parametrize("text", ["", "x", "[1]", '"x"', "[" * 100_000])
def test_what_is_no_record_describes_nobody(text: str):
    assert policyholder_in(text) is None


@pytest.mark.parametrize(("event_type", "there"), [("POLICYHOLDER_JOINED", True), ("PROJECT_CREATED", False)])
def test_only_the_task_of_a_policyholder_event_carries_the_person(event_type: str, there: bool):
    event = decode(json.dumps({**EVENT, **PERSON, "eventType": event_type}).encode(), 0, INGESTED_AT, None)
    made = enrichment_task(event, task(event_type).origin, INGESTED_AT)
    assert (made.policyholder is not None) is there
    assert decode_task(encode_task(made)) == made


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://host/p/a%2Fb?sign=SECRET#f", "https://host/p/a%2Fb"),
        ("https://host?sign=SECRET", "https://host"),
        ("https://user:SECRET@host:8080/p@q", "https://host:8080/p@q"),
        ("//user:SECRET@host/p", "//host/p"),
        ("https://[::1?sign=SECRET", "https://[::1"),
        ("https://host/p#SECRET?x", "https://host/p"),
        ("not a url?SECRET", "not a url"),
        ("", ""),
    ],
)
def test_a_url_is_kept_without_its_query_however_malformed(url: str, kept: str):
    assert without_query(url) == kept
