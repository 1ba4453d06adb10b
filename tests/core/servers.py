"""Real servers on loopback, a make-believe internet, an authority for TLS."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import re
import select
import socket
import ssl
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PATIENCE = 20
PUBLIC, PUBLIC_2 = "8.8.8.8", "1.1.1.1"
DOCUMENT = b'{"keys": []}'


def answer(
    body=DOCUMENT, *, status="200 OK", headers=("Content-Type: application/json",)
):
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def chunked(*chunks, headers=()):
    lines = ["HTTP/1.1 200 OK", "Transfer-Encoding: chunked", *headers, "", ""]
    head = "\r\n".join(lines).encode()
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return head + body + b"0\r\n\r\n"


def send(data):
    """A script that sends ``data`` and hangs up."""
    return lambda connection: connection.sendall(data)


def send_and_wait(data=b""):
    """A script that sends ``data`` and waits for the client to hang up."""

    def script(connection):
        connection.sendall(data)
        while connection.recv(65536):
            pass

    return script


def drip(start, piece):
    """A script that sends ``piece`` again and again until the client hangs up."""

    def script(connection):
        connection.sendall(start)
        while not select.select([connection], [], [], 0.01)[0]:
            connection.sendall(piece)

    return script


def flood(start, piece):
    """A script that sends ``piece`` as fast as it can until the client hangs up."""

    def script(connection):
        connection.sendall(start)
        while True:
            connection.sendall(piece)

    return script


class Server:
    """A server on loopback that runs one script per connection, one after another."""

    def __init__(self, script, *, tls=None, reads_request=True):
        self.requests = []
        self.bodies = []
        self.certificates = []
        self._was_called = False
        self._script = script
        self._tls = tls
        self._reads_request = reads_request
        self._stopper = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def url(self, path="/jwks", *, scheme="http", host="127.0.0.1"):
        return f"{scheme}://{host}:{self.port}{path}"

    def stop(self):
        """Take no more connections; the one there is must have been closed."""
        if not self._thread.is_alive():
            return
        with socket.socket() as caller:
            caller.bind(("127.0.0.1", 0))
            self._stopper = caller.getsockname()
            caller.connect(self._listener.getsockname())
            self._thread.join(PATIENCE)
        self._listener.close()
        assert not self._thread.is_alive()

    def was_called(self):
        """Whether anybody connected; connections are accepted in their order."""
        self.stop()
        return self._was_called

    def _serve(self):
        while True:
            connection, caller = self._listener.accept()
            with connection:
                if caller == self._stopper:
                    return
                connection.settimeout(2 * PATIENCE)
                with contextlib.suppress(OSError):
                    self._converse(connection)
                self._was_called = True

    def _converse(self, connection):
        if self._tls is None:
            self._answer(connection)
        else:
            with self._tls.wrap_socket(connection, server_side=True) as secured:
                self._answer(secured)

    def _answer(self, connection):
        if self._reads_request and (head := read_head(connection)):
            self.requests.append(head)
            self.bodies.append(read_rest(connection, head))
            if self._tls is not None:
                self.certificates.append(connection.getpeercert(binary_form=True))
        self._script(connection)


def read_head(connection):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        part = connection.recv(1)
        if not part:
            break
        head += part
    return head.decode("latin-1")


def read_rest(connection, head):
    length = re.search(r"(?im)^content-length: *([0-9]+)", head)
    missing, body = int(length[1]) if length else 0, b""
    while missing > len(body) and (part := connection.recv(missing - len(body))):
        body += part
    return body


class Network:
    """Names and machines of a make-believe internet, in place of the system's."""

    def __init__(self):
        self.names = {}
        self.machines = {}
        self.dialled = []
        self.resolved = []
        self.connections = []
        self.on_resolve = self.on_dial = lambda: None
        self._getaddrinfo = socket.getaddrinfo
        self._create_connection = socket.create_connection

    def getaddrinfo(self, host, port, *args, **kwargs):
        self.resolved.append(host)
        self.on_resolve()
        if host not in self.names:
            return self._getaddrinfo(host, port, *args, **kwargs)
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in self.names[host]
        ]

    def create_connection(self, place, **kwargs):
        self.dialled.append(place[0])
        self.on_dial()
        machine = self.machines.get(place[0], place[1])
        if isinstance(machine, OSError):
            raise machine
        self.connections.append(
            self._create_connection(("127.0.0.1", machine), **kwargs)
        )
        return self.connections[-1]


class Authority:
    """A certification authority for one test session."""

    def __init__(self, folder, name):
        self.folder = folder
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.bundle = folder / f"{name}.pem"
        self.bundle.write_bytes(self._sign(self.name, self.key, path_length=0))

    def server_context(self, *hosts, days=1, self_signed=False, clients=None):
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])
        certificate = self._sign(
            name, key, hosts=hosts, days=days, self_signed=self_signed
        )
        path = self.folder / "server.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        if clients is not None:
            context.verify_mode = clients
            context.load_verify_locations(self.bundle)
        return context

    def client_certificate(self, folder, *, password=None):
        """Write a client's certificate and key; return their paths."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "client")])
        protection = (
            serialization.BestAvailableEncryption(password)
            if password
            else serialization.NoEncryption()
        )
        certificate, private = folder / "client.pem", folder / "client.key"
        certificate.write_bytes(self._sign(name, key))
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                protection,
            )
        )
        return certificate, private

    def _sign(
        self, subject, key, *, hosts=(), days=1, path_length=None, self_signed=False
    ):
        is_authority = path_length is not None
        issuer, signer = (subject, key) if self_signed else (self.name, self.key)
        now = datetime.datetime.now(datetime.UTC)
        end = now + datetime.timedelta(days=days)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=9))
            .not_valid_after(end)
            .add_extension(
                x509.BasicConstraints(ca=is_authority, path_length=path_length),
                critical=True,
            )
            .add_extension(
                x509.KeyUsage(
                    digital_signature=not is_authority,
                    key_cert_sign=is_authority,
                    crl_sign=is_authority,
                    content_commitment=False,
                    key_encipherment=False,
                    data_encipherment=False,
                    key_agreement=False,
                    encipher_only=False,
                    decipher_only=False,
                ),
                critical=True,
            )
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
                critical=False,
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
                critical=False,
            )
        )
        if hosts:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([general_name(host) for host in hosts]),
                critical=False,
            )
        certificate = builder.sign(signer, hashes.SHA256())
        return certificate.public_bytes(serialization.Encoding.PEM)


def general_name(host):
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
