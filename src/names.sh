#!/bin/sh
# Prints, as C, the table of function names of a linked hypervisor ($1), sorted by address, for
# backtraces (src/core/names.c). Offsets are from the image's start.
set -e
base=$(nm "$1" | awk '$3 == "image_start" { print $1 }')
echo '#include "names.h"'
echo "#define ENTRY(a, n) {(u32)(0x##a##ULL - 0x${base}ULL), n},"
echo '__attribute__((section(".names"), used)) const struct name_entry name_table[] = {'
nm -n "$1" | awk '($2 == "t" || $2 == "T") && length($1) == 16 && $1 >= "ffff8" && $3 !~ /^(stub_|text_|\.)/ { printf "ENTRY(%s, \"%.*s\")\n", $1, 27, $3 }'
echo '};'
