; A bzImage's real-mode part: nothing but the setup header (Linux, Documentation/arch/x86/boot.rst,
; protocol 2.12), and behind it the protected-mode part, PAYLOAD, linked at ADDRESS, which needs
; INIT_SIZE bytes there.
bits 16
HIGH_LOAD equ 0x100000
LOADED_HIGH equ 1
SETUP_SECTORS equ 4

    times 0x1f1 db 0
setup:
    db SETUP_SECTORS
    dw 0                                ; root_flags
    dd (payload_end - payload) / 16     ; syssize
    dw 0, 0xffff, 0                     ; ram_size, vid_mode, root_dev
    dw 0xaa55                           ; boot_flag
    db 0xeb, after - ($ + 1)            ; jump
    db "HdrS"
    dw 0x20c                            ; version
    dd 0                                ; realmode_swtch
    dw 0, 0                             ; start_sys_seg, kernel_version
    db 0, LOADED_HIGH                   ; type_of_loader, loadflags
    dw 0                                ; setup_move_size
    dd HIGH_LOAD                        ; code32_start
    dd 0, 0                             ; ramdisk_image, ramdisk_size
    dd 0                                ; bootsect_kludge
    dw 0                                ; heap_end_ptr
    db 0, 0                             ; ext_loader_ver, ext_loader_type
    dd 0                                ; cmd_line_ptr
    dd 0x7fffffff                       ; initrd_addr_max
    dd 0x200000                         ; kernel_alignment
    db 1, 21                            ; relocatable_kernel, min_alignment
    dw 0                                ; xloadflags
    dd 2047                             ; cmdline_size
    dd 0                                ; hardware_subarch
    dq 0                                ; hardware_subarch_data
    dd 0, 0                             ; payload_offset, payload_length
    dq 0                                ; setup_data
    dq ADDRESS                          ; pref_address
    dd INIT_SIZE
    dd 0                                ; handover_offset
after:
    times (SETUP_SECTORS + 1) * 512 - ($ - $$) db 0
payload:
    incbin PAYLOAD
    align 16, db 0
payload_end:
