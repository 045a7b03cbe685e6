"""The list of exchanges. Each is a function of a peer, in which it says what the host sends and
asserts what must come back; it is carried out with a guest and with the mock."""

MACHINES = {"node": "maxcpus=1", "bare": "", "foreign": "duet.exec=/bin/false",
            "waiting": ""}  # parameters
ALL = {name: [] for name in MACHINES}  # of each machine, in order


def exchange(machine="node", last=False, alone=False):
    """`last`: the peer is gone after it. `alone`: no mock can do it."""
    def register(function):
        function.last, function.alone = last, alone
        ALL[machine].append(function)
        return function
    return register


def carry_out(number, one, peer):
    """An exchange, after which the peer must still be there; the transcript."""
    peer.begin(number)
    try:
        one(peer)
        if not one.last:
            peer.ping()
    except BaseException:
        peer.forgive()
        raise
    return peer.transcript()
