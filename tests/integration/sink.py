"""A process that takes what comes to a port of its node, for a step to read from /tmp/fifo."""


def background(protocol, listens):
    """The background process, in one line of YAML, with socat's LISTENS on port 5000."""
    return ('{name: sink, run: "mkfifo /tmp/fifo && exec 3<>/tmp/fifo && exec socat -u '
            f'{listens}:5000 STDOUT >&3", ready: {{{protocol}: 5000}}}}')


UDP = background("udp", "UDP4-RECV")
TCP = background("tcp", "TCP4-LISTEN")
