"""Certificates of an authority of our own, and a server that takes TLS off."""

import contextlib
import datetime
import ipaddress
import socket
import ssl
import threading


def certificates(directory):
    """An authority, and a server certificate of it for localhost; the authority's file and a server context."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    def name(text):
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    def build(subject, key, issuer_key, *extensions):
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(subject)).issuer_name(name("authority")).public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(days=1))
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority, server = directory / "authority.pem", directory / "server.pem"
    authority.write_bytes(
        build("authority", authority_key, authority_key, x509.BasicConstraints(ca=True, path_length=None))
    )
    names = x509.SubjectAlternativeName(
        [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    )
    server.write_bytes(
        build("server", key, authority_key, names)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server)
    return authority, context


class TlsFront:
    """Takes TLS off and passes the rest on."""

    def __init__(self, context):
        self.context = context
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def serve(self, backend):
        host, port = backend.removeprefix("http://").split("/")[0].split(":")
        threading.Thread(target=self.accept, args=((host, int(port)),), daemon=True).start()

    def accept(self, backend):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self.connect, args=(client, backend), daemon=True).start()

    def connect(self, client, backend):
        with contextlib.suppress(OSError):
            with self.context.wrap_socket(client, server_side=True) as near, socket.create_connection(backend) as far:
                threading.Thread(target=pump, args=(far, near), daemon=True).start()
                pump(near, far)


def pump(source, sink):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
