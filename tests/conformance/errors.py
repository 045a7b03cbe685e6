"""What is no request. After each the agent answers a ping."""

import json

from booting import FIELDS
from exchange import exchange
from peer import CTL_MAX, Code

REQUESTS = {**FIELDS, Code.VERSION: {"version": 2}, Code.PING: {}, Code.DESTROYPOD: {},
            Code.ONLINECPUMEM: {}}


@exchange()
def unknown_codes(peer):
    for code in (2, 3, 7, 8, 9, 10, 23, 63, 64, 65, 66, 255, 0xffffffff):
        request = peer.new_id()
        peer.send(code, {"id": request})
        peer.refusal(request, code)
        peer.ping()


@exchange()
def lengths_that_lie(peer):
    for length in (0, 1, 7):
        peer.send(Code.PING, b"", length)
        peer.unnamed_refusal(Code.PING)
        peer.ping()
    for length in (CTL_MAX + 1, CTL_MAX + 70000):
        peer.send(Code.EXECCMD, bytes(length - 8), length)
        peer.unnamed_refusal(Code.EXECCMD)
        peer.ping()


@exchange()
def the_longest_frame(peer):
    """It is read, to the last byte, which is none of a request."""
    peer.send(Code.PING, b'{"id": 1}' + b" " * (CTL_MAX - 8 - 10) + b"x")
    peer.unnamed_refusal(Code.PING)
    request = peer.new_id()
    payload = b'{"id": %d}' % request
    peer.send(Code.PING, payload + b" " * (CTL_MAX - 8 - len(payload)))
    peer.ack(request)


@exchange()
def payloads_that_are_no_object(peer):
    for payload in (b"", b"x", b"{", b'{"id": 1', b'{"id": 1} x', b"[1]", b"5", b'"id"', b"null",
                    b'{"id": 1, "id": 1}', b'{"id": 1e0}', b'{"id": "\xff"}', b'{"\\ud800": 1}',
                    b'{"id": 99999999999999999999}', b'{"a": "\\u0000"}', b"[" * 100000):
        peer.send(Code.PING, payload)
        peer.unnamed_refusal(Code.PING)
        peer.ping()


@exchange()
def ids_that_are_none(peer):
    for code, fields in REQUESTS.items():
        for wrong in (None, 0, -1, (1 << 53) + 1, "1", 1.5, True, [], {}):
            peer.send(code, {**fields, **({} if wrong is None else {"id": wrong})})
            peer.unnamed_refusal(code)
    peer.ping()


@exchange()
def fields_that_are_missing_or_unknown_or_twice(peer):
    for code, fields in REQUESTS.items():
        for key in fields:
            if (code, key) == (Code.KILLCONTAINER, "target"):
                continue
            peer.refuse(code, **{k: v for k, v in fields.items() if k != key})
            twice = json.dumps({"id": 1, **fields})[:-1] + f", {json.dumps(key)}: 1}}"
            peer.send(code, twice.encode())
            peer.unnamed_refusal(code)
        reason = peer.refuse(code, **fields, surplus=1)
        assert "surplus" in reason, reason
    peer.refuse(Code.KILLCONTAINER, signal=9)
    peer.refuse(Code.KILLCONTAINER, signal=9, target=1, container="c")
    peer.ping()


@exchange()
def fields_of_another_type(peer):
    for code, fields in REQUESTS.items():
        for key, value in fields.items():
            for wrong in (None, [None], {"a": 1}, 0.5, "", 1 if isinstance(value, str) else "1"):
                peer.refuse(code, **{**fields, key: wrong})
    peer.ping()


@exchange()
def commands_that_cannot_be_read(peer):
    right = REQUESTS[Code.EXECCMD]
    for wrong in ({"argv": []}, {"argv": [""]}, {"argv": ["a", 1]}, {"env": []}, {"env": {"A": 1}},
                  {"env": {"A=B": "c"}}, {"env": {"": "c"}}, {"cwd": "tmp"}, {"timeout_ms": -1},
                  {"timeout_ms": 86400001}, {"background": 1}, {"ready": {}}, {"ready": {"tcp": 0}},
                  {"ready": {"tcp": 65536}}, {"ready": {"udp": "1"}}, {"ready": {"path": ""}},
                  {"ready": {"output": "x" * 4097}}, {"ready": {"tcp": 1, "udp": 1}},
                  {"ready": {"http": 80}}, {"stdout": 0}, {"stderr": right["stdout"]},
                  {"stdin": (1 << 53) + 1}, {"container": "nobody"}, {"container": ""}):
        peer.refuse(Code.EXECCMD, **{**right, **wrong})
    peer.ping()


@exchange()
def numbers_out_of_range(peer):
    for code, wrong in ((Code.KILLCONTAINER, {"signal": 0}), (Code.KILLCONTAINER, {"signal": 65}),
                        (Code.KILLCONTAINER, {"target": 0}), (Code.WINSIZE, {"rows": 0}),
                        (Code.WINSIZE, {"columns": 65536}), (Code.WINSIZE, {"target": -1}),
                        (Code.VERSION, {"version": -1}), (Code.VERSION, {"version": 1 << 60})):
        peer.refuse(code, **{**REQUESTS[code], **wrong})
    for payload in ({}, {"stream": 0, "bytes": 1}, {"stream": 1, "bytes": 0}, {"stream": 1},
                    {"stream": 1, "bytes": 1, "id": 1}, {"stream": "1", "bytes": 1}):
        peer.send(Code.NEXT, payload)
        peer.unnamed_refusal(Code.NEXT)
    peer.ping()
