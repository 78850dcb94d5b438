"""Writes signatures.json: a model signed by the reference implementation of the model signing format.

pip install model-signing==1.1.1 pyOpenSSL==26.4.0 && python make_signatures.py
"""

import datetime
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

# In an order that is neither that of bytes nor that of UTF-16, and with what a signature leaves out.
FILES = {
    "a/b": b"in a folder",
    "a.txt": b"sorted after a/b",
    "a/empty": b"",
    "weights/😀-модель.bin": bytes(range(256)),
    "weights/ﬀ.bin": b"before the one above in UTF-16",
    ".gitattributes": b"* text=auto\n",
    "notes/draft.md": b"ignored where the case says so",
}
FROM = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
UNTIL = datetime.datetime(2044, 1, 1, tzinfo=datetime.timezone.utc)


def pem(key):
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


def secret(key, folder, password=None):
    path = folder / f"{len(list(folder.iterdir()))}.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(password.encode())
            if password
            else serialization.NoEncryption(),
        )
    )
    return path


def certificate(subject, key, issuer, issuer_key, authority):
    name = lambda text: x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(FROM)
        .not_valid_after(UNTIL)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=not authority,
                key_cert_sign=authority,
                crl_sign=authority,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            True,
        )
    )
    return builder.sign(issuer_key, hashes.SHA256())


def signed(model, arguments):
    signature = model / "model.sig"
    subprocess.run(
        [sys.executable, "-m", "model_signing", "sign", *arguments, str(model)]
        + ["--signature", str(signature)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    text = signature.read_text(encoding="utf-8")
    signature.unlink()
    return text


def main():
    cases = []
    with tempfile.TemporaryDirectory() as temporary:
        model = pathlib.Path(temporary) / "model"
        keys = pathlib.Path(temporary) / "keys"
        keys.mkdir()
        for path, content in FILES.items():
            (model / path).parent.mkdir(parents=True, exist_ok=True)
            (model / path).write_bytes(content)

        curves = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-521": ec.SECP521R1}
        for name, curve in curves.items():
            key = ec.generate_private_key(curve())
            text = signed(model, ["key", "--private_key", str(secret(key, keys))])
            public = pem(key.public_key())
            cases.append({"case": name, "publicKeyPem": public, "signature": text})

        key = ec.generate_private_key(ec.SECP256R1())
        arguments = ["--private_key", str(secret(key, keys))]
        arguments += ["--ignore-paths", str(model / "notes")]
        cases.append(
            {
                "case": "ignored paths",
                "publicKeyPem": pem(key.public_key()),
                "signature": signed(model, ["key", *arguments]),
            }
        )

        root, middle, leaf = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
        certificates = [
            certificate("signer", leaf, "team", middle, False),
            certificate("team", middle, "company", root, True),
            certificate("company", root, "company", root, True),
        ]
        texts = [c.public_bytes(serialization.Encoding.PEM).decode() for c in certificates]
        for index, text in enumerate(texts):
            (keys / f"certificate-{index}").write_text(text)
        arguments = ["--private_key", str(secret(leaf, keys))]
        arguments += ["--signing_certificate", str(keys / "certificate-0")]
        arguments += ["--certificate_chain", str(keys / "certificate-1")]
        cases.append(
            {
                "case": "certificate",
                "rootPem": texts[2],
                "publicKeyPem": pem(leaf.public_key()),
                "signature": signed(model, ["certificate", *arguments]),
            }
        )

    files = [
        {
            "path": path,
            "sizeBytes": len(content),
            "digest": "sha256:" + hashlib.sha256(content).hexdigest(),
        }
        for path, content in FILES.items()
    ]
    target = pathlib.Path(__file__).with_name("signatures.json")
    target.write_text(
        json.dumps({"files": files, "cases": cases}, indent=1, ensure_ascii=False) + "\n",
        encoding="utf-8",
    )


main()
