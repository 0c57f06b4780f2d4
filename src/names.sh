#!/bin/sh
# Prints, as C, the function names of a linked hypervisor ($1) by ascending address, for backtraces
# (src/core/names.c): where each begins, from the image's start, and the names one after another.
set -e
base=$(nm "$1" | awk '$3 == "image_start" { print $1 }')
functions=$(nm -n "$1" | awk '$3 == "text_start" { inside = 1 } $3 == "text_end" { inside = 0 }
    { sub(/\.(cold|constprop|isra|part).*/, "", $3) } # what the compiler appends to a name
    inside && ($2 == "t" || $2 == "T") && $3 !~ /^(stub_|text_)/ { print $1, $3 }')
[ -n "$functions" ]
echo '#include "names.h"'
echo '__attribute__((section(".names"), used)) static const u32 names[] = {'
echo "$functions" | awk -v base="$base" '{ printf "(u32)(0x%sULL - 0x%sULL),\n", $1, base }'
echo '};'
echo '__attribute__((section(".names_text"), used)) static const char text[] ='
echo "$functions" | awk '{ printf "\"%s\\0\"\n", $2 }'
echo ';'
