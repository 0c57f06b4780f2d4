"""Bootable images.

For the emulators: a CD whose GRUB holds just the modules and the commands that one boot needs, so
that the firmware and GRUB take as few ticks as they can. For real machines: grub-mkrescue's hybrid
image with a menu.
"""
import os
import re
import shutil
import subprocess

XEN_LINE = "com1=115200,8n1 console=com1 loglvl=all guest_loglvl=all noreboot xpti=0"


def tool(*command, **options):
    """Runs a tool quietly; its output is shown only if it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **options)
    if done.returncode:
        print(done.stdout.decode(errors="replace"))
        raise RuntimeError(f"{command[0]} failed with status {done.returncode}")
    return done.stdout


def strip(source, target):
    """A copy of an ELF without what only debuggers need: the same bytes in every column."""
    tool("strip", "--strip-debug", "-o", target, source)


def quoted(line):
    """A line as GRUB's shell wants it: what that would take for its own stands in quotes."""
    return " ".join(f"'{word}'" if re.search(r"[^A-Za-z0-9_=,.:/+@%-]", word) else word for word in line.split(" "))


def native_commands(boot, name):
    """A guest of the kit's reads the same line everywhere; another kernel gets its own words only."""
    guest = boot.guest
    if not guest.kernel:
        return [f"multiboot2 /boot/{name} {boot.domain_line()}"]
    lines = [f"{guest.loader} /boot/{name} {quoted(boot.kernel_line())}"]
    disks = [os.path.basename(disk) for disk in guest.initrd.split()]
    if guest.loader == "linux":
        return lines + [f"initrd {' '.join('/boot/' + disk for disk in disks)}"] * bool(disks)
    return lines + [f"{guest.loader.replace('multiboot', 'module')} /boot/{disk} {disk}" for disk in disks]


def commands(boot):
    """(GRUB's commands, its modules, {name in /boot: ELF}) for one Boot."""
    kernel = boot.column.kernel(boot.build)
    (first, line), *others = boot.modules()
    files = {os.path.basename(elf): elf for elf, _ in boot.modules()}
    name = os.path.basename(first)
    if boot.column.under == "":
        return native_commands(boot, name), [boot.guest.loader], files
    if boot.column.under == "xen":
        files["xen"] = kernel
        extra = f" dom0_mem={boot.guest.mem} " + ("dom0=pvh dom0-iommu=none" if boot.column.vtx else "")
        return [f"multiboot /boot/xen {XEN_LINE}{extra}", f"module /boot/{name} {line}"], ["multiboot"], files
    files["trivisor.elf"] = kernel
    lines = [f"multiboot2 /boot/trivisor.elf {boot.hypervisor_line()}", f"module2 /boot/{name} {quoted(line)}"]
    lines += [f"module2 /boot/{os.path.basename(elf)} {text}" for elf, text in others]
    return lines, ["multiboot2"], files


def write(folder, lines, modules, files, whole=()):
    """Makes FOLDER/image.iso, which runs GRUB's commands and boots; the files in `whole` go there as they are.
    Returns its path."""
    tree = os.path.join(folder, "iso")
    shutil.rmtree(tree, ignore_errors=True)
    os.makedirs(os.path.join(tree, "boot"))
    for name, source in files.items():
        target = os.path.join(tree, "boot", name)
        if source.endswith(".elf") and source not in whole:
            strip(source, target)
        else:
            shutil.copyfile(source, target)
    script = os.path.join(folder, "grub-early.cfg")
    with open(script, "w", encoding="ascii") as file:
        file.write("\n".join(lines + ["boot", ""]))
    tool("grub-mkimage", "-O", "i386-pc-eltorito", "-o", os.path.join(tree, "boot", "grub.img"), "-p", "/boot",
         "-c", script, "biosdisk", "iso9660", "boot", *modules)
    image = os.path.join(folder, "image.iso")
    # A fixed date: the image is part of what two equal boots have in common.
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "946684800"}
    tool("xorriso", "-as", "mkisofs", "-quiet", "-R", "-b", "boot/grub.img", "-no-emul-boot", "-boot-load-size", "4",
         "-boot-info-table", "-o", image, tree, env=environment)
    return image


def for_boot(boot):
    """The image of one Boot, in its folder."""
    return write(boot.folder, *commands(boot), whole=(boot.guest.kernel,))


def rescue(path, entries, files):
    """A hybrid image with a menu for real hardware: entries are (title, GRUB's commands)."""
    tree = path + ".tree"
    shutil.rmtree(tree, ignore_errors=True)
    os.makedirs(os.path.join(tree, "boot", "grub"))
    for name, source in files.items():
        strip(source, os.path.join(tree, "boot", name))
    with open(os.path.join(tree, "boot", "grub", "grub.cfg"), "w", encoding="ascii") as file:
        file.write("set timeout=5\n")
        for title, lines in entries:
            body = "".join(f"    {line}\n" for line in lines)
            file.write(f'menuentry "{title}" {{\n{body}}}\n')
    tool("grub-mkrescue", "--fonts=", "--locales=", "--themes=", "-o", path, tree)
    shutil.rmtree(tree)
