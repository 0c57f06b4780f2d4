"""Debian's own Xen as a yardstick: its hypervisor taken out of the package, never installed, for
that would change how this machine boots."""
import glob
import gzip
import os
import subprocess

from lib.usage import Mistake

PACKAGE = "xen-hypervisor-4.17-amd64"
FOLDER = "build/xen"


def fetch():
    """Leaves Xen's image in build/xen/xen."""
    target = os.path.join(FOLDER, "xen")
    if os.path.exists(target):
        return
    os.makedirs(FOLDER, exist_ok=True)
    print(f"fetching {PACKAGE} (only its image is taken out)", flush=True)
    done = subprocess.run(["apt-get", "-qq", "download", PACKAGE], cwd=FOLDER, check=False, stdout=subprocess.DEVNULL)
    packages = glob.glob(os.path.join(FOLDER, "*.deb"))
    if done.returncode or not packages:
        raise Mistake(f"{PACKAGE} cannot be downloaded: the Xen columns need Debian 12's package archive.")
    subprocess.run(["dpkg-deb", "-x", packages[0], FOLDER], check=True)
    compressed = glob.glob(os.path.join(FOLDER, "boot", "xen-4.17-amd64.gz"))[0]
    with gzip.open(compressed) as source, open(target + ".new", "wb") as out:
        out.write(source.read())
    os.rename(target + ".new", target)
