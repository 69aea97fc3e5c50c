"""The help texts of ``claimx dlq``."""

LIST_HELP = """\b
Say which dead letters are open: neither replayed nor purged. Changes nothing.

\b
  claimx dlq list
      the newest 50, and how many there are
  claimx dlq list --code api --since 2h
  claimx dlq list --group-by code
  claimx dlq list --fail-if-any -o json
      exit 3 if there is one: for a monitor
  claimx dlq list -o jsonl | jq -r .event_id
      every one, as they come

Repeats of a letter (the same id) count once. What is produced meanwhile is not seen.

\b
Exit codes: 0 done, 3 with --fail-if-any if there is one, 4 Kafka refuses us,
5 Kafka cannot be reached, 78 configuration error.
"""
INSPECT_HELP = """\b
Show all of one dead letter: error, attempts, headers, payload, and what to do about it.

\b
  claimx dlq inspect 3f9a0c11
      the first 8 characters of its id are enough
  claimx dlq inspect 3f9a0c11 -o json | jq -r .payload

URLs are shown without their queries.

\b
Exit codes: 0 done, 1 there is none, 4 Kafka refuses us, 5 Kafka cannot be
reached, 78 configuration error.
"""
REPLAY_HELP = """\b
Put dead letters back to the topic of their stage: a running claimx takes them as if for the first time.

\b
  claimx dlq replay 3f9a0c11 77b01d2e
  claimx dlq replay --code url.refused --dry-run
  claimx dlq replay --code api --since 1d --rate 20/s
  claimx dlq replay --all --yes

A letter is produced, then remembered as replayed: after an interruption run it again, it goes on where it ended. What
comes twice folds in the tables. The first Ctrl-C ends it after what it is just doing. More than 100 must be confirmed.

\b
Exit codes: 0 done, 1 no letter has the id, 2 there is nobody to confirm it,
4 Kafka refuses us, 5 Kafka cannot be reached, 6 some failed and stay open,
7 not confirmed, 78 configuration error, 130 ended by Ctrl-C.
"""
PURGE_HELP = """\b
Give dead letters up for good.

\b
  claimx dlq purge --older-than 30d --export old.jsonl
  claimx dlq purge --code event.not_json --dry-run
  claimx dlq purge --all --topic claimx.events.dlq
      what is left of a topic, and the records of what was replayed

They are marked as purged. Then the broker deletes each partition up to its oldest open letter, replayed ones included,
if it can delete records. Confirmed by typing the topic's name.

\b
Exit codes: 0 done, 2 there is nobody to confirm it, 4 Kafka refuses us, 5 Kafka
cannot be reached, 7 not confirmed, 78 configuration error, 130 ended by Ctrl-C.
"""
EXPORT_HELP = """\b
Write dead letters as JSON lines, with every byte of key, value and headers. Repeats are written, too.

\b
  claimx dlq export > letters.jsonl
  claimx dlq export letters.jsonl --stage download --all
      --all: those that were replayed or purged, too

What is not UTF-8 stands as {"base64": ...}. Payloads stand as they are: keep the file as you keep the topic.

\b
Exit codes: 0 done, 1 the file is there or cannot be written, 4 Kafka refuses us,
5 Kafka cannot be reached, 78 configuration error.
"""
