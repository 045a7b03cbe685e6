"""The list of exchanges. Each is a function of a peer, in which it says what the host sends and
asserts what must come back; it is carried out with a guest and with the mock."""

MACHINES = {"node": "maxcpus=1", "bare": "", "foreign": "duet.exec=/bin/false"}
ALL = {name: [] for name in MACHINES}  # of each machine, in order; the value: kernel parameters


def exchange(machine="node"):
    def register(function):
        ALL[machine].append(function)
        return function
    return register
