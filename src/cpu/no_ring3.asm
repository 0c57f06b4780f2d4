; Under full virtualization ring 3 is only ever in a guest, whose traps are exits: the
; interrupt descriptor table never sees one.
section .text
global trap_from_guest, trap_from_guest_ist
trap_from_guest:
trap_from_guest_ist:
    ud2
