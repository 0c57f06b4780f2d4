"""The planted bugs: what it is, the file, the exact text (once in it), what stands there instead, and
the test that must catch it."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """One planted bug."""
    what: str
    file: str
    old: str
    new: str
    test: str


MUTANTS = [
    # src/core
    Mutant("a write sets D at every level", "src/core/walk.c", "(write && level == r->level ? PTE_D : 0)",
           "(write ? PTE_D : 0)", "unit/test_walk"),
    Mutant("too few reserved bits in a 1 GiB page", "src/core/walk.c",
           "m->rsvd_page[3] |= bits(ENTRY_PAGE_RSVD_LOW, PAGE_SHIFT_1G - 1);",
           "m->rsvd_page[3] |= bits(ENTRY_PAGE_RSVD_LOW, PAGE_SHIFT_2M - 1);", "unit/test_walk"),
    Mutant("NX is reserved with NXE, not without", "src/core/walk.c", "    if (!nxe)\n", "    if (nxe)\n",
           "unit/test_walk"),
    Mutant("a flush of one page forgets others", "src/core/tlb.c", "if (!mfn_eq(s->root, root) || !same_page)",
           "if (!mfn_eq(s->root, root) && !same_page)", "unit/test_tlb"),
    Mutant("memory is handed out uncleared", "src/core/frame.c",
           "            return NULL;\n        clear_block(index, order);", "            return NULL;", "unit/test_frame"),
    Mutant("a removed frame stays its neighbour's", "src/core/frame.c", "        frame_table[f->next].prev = f->prev;",
           "        (void)f->prev;", "unit/test_frame"),
    Mutant("timers in the wrong order", "src/core/timer.c", "(*at)->deadline <= deadline)", "(*at)->deadline >= deadline)",
           "unit/test_sched"),
    Mutant("the queue's tail is not moved back", "src/core/run_queue.c", "        cpu->queue_tail = before;",
           "        cpu->queue_tail = before ? v : NULL;", "unit/test_sched"),
    Mutant("a segment may wrap around the address space", "src/core/elf_image.c", "p->paddr + p->memsz < p->paddr || ",
           "", "unit/test_elf_image"),
    Mutant("a region counts its own mark", "src/core/ledger.c", "    l->at_begin[own].n++;\n",
           "    l->at_begin[own].n += 0;\n", "unit/test_ledger"),
    # src/cpu/emulate
    Mutant("a segment's limit off by one", "src/cpu/emulate/access.c", "    return last <= s->limit;",
           "    return last <= s->limit + 1ULL;", "unit/test_emulate_rules"),
    Mutant("alignment is checked in the kernel, too", "src/cpu/emulate/access.c", "if (ctx->cpl != 3 || !(", "if (!(",
           "unit/test_emulate_rules"),
    Mutant("REP under TF goes on", "src/cpu/emulate/exec_string.c", "limit = 1; /*", "limit += 0; /*",
           "unit/test_emulate_rules"),
    Mutant("auxiliary carry from the wrong bit", "src/cpu/emulate/alu.c", "(carries & 8 ? RFLAGS_AF : 0)",
           "(carries & 16 ? RFLAGS_AF : 0)", "model/test_emulate"),
    Mutant("RF survives an instruction", "src/cpu/emulate/emulate.c", "    regs->rflags &= ~RFLAGS_RF;\n", "",
           "unit/test_emulate_rules"),
    Mutant("fetches beyond the end of a page", "src/cpu/emulate/emulate.c",
           "    *len = MIN(*len, PAGE_SIZE - (*la & PAGE_OFFSET_MASK));\n", "", "unit/test_emulate_rules"),
    # src/mmu-ept
    Mutant("a split 2 MiB page leads to one frame", "src/mmu-ept/stage2.c", "mfn_of(stage2_mfn(old).v + i), 1",
           "mfn_of(stage2_mfn(old).v + i * 0), 1", "unit/test_physmap_ept"),
    Mutant("a 2 MiB page beyond the domain's RAM", "src/mmu-ept/physmap_ept.c",
           "first + STAGE2_2M_FRAMES <= p->ram_frames;", "first < p->ram_frames;", "unit/test_physmap_ept"),
    Mutant("forgotten flush when the dirty log starts", "src/mmu-ept/physmap_ept.c",
           "    stage2_each_leaf(p, protect_leaf, p);\n    tlb_flush_root(root_mfn(p));\n",
           "    stage2_each_leaf(p, protect_leaf, p);\n", "unit/test_physmap_ept"),
    Mutant("frames beyond the end of RAM are filled", "src/mmu-ept/physmap_ept.c",
           "    if (gfn >= p->ram_frames)\n        return -ENOENT;\n", "", "unit/test_physmap_ept"),
    Mutant("forgotten flush when the dirty log is read", "src/mmu-ept/physmap_ept.c",
           "    stage2_each_leaf(d->physmap, read_leaf, &r);\n    tlb_flush_root(root_mfn(d->physmap));\n",
           "    stage2_each_leaf(d->physmap, read_leaf, &r);\n", "unit/test_physmap_ept"),
    # src/mmu-shadow
    Mutant("a count of writable mappings not dropped", "src/mmu-shadow/entry.c", "        f->type_count--;\n", "",
           "unit/test_shadow"),
    Mutant("a write leaves D clear", "src/mmu-shadow/fill.c", "entry | PTE_A | (e->error & PF_W ? PTE_D : 0);",
           "entry | PTE_A;", "model/test_shadow"),
    Mutant("RSVD missing in an error code", "src/mmu-shadow/fill.c", "entry & PTE_P ? PF_P | PF_RSVD : 0, out);",
           "entry & PTE_P ? PF_P : 0, out);", "model/test_shadow"),
    Mutant("forgotten flush when a table is unlinked", "src/mmu-shadow/sync.c",
           "    tlb_flush_all();\n    ledger_count(&d->ledger, LC_SHADOW_WRITE_ENTRY);",
           "    ledger_count(&d->ledger, LC_SHADOW_WRITE_ENTRY);", "model/test_shadow"),
    Mutant("off by one at a table's edge", "src/mmu-shadow/sync.c", "(offset + part - 1) / sizeof(u64));",
           "(offset + part) / sizeof(u64));", "unit/test_shadow"),
    Mutant("a frame stays a table for ever", "src/mmu-shadow/pool.c", "        f->flags &= (u16)~FRAME_SHADOWED;\n",
           "        f->flags &= (u16)~0;\n", "unit/test_shadow"),
    # src/pv
    Mutant("no flush before a frame changes its type", "src/pv/page_type.c", "if (f->extra == page_flush_count)",
           "if (f->extra != page_flush_count)", "unit/test_pv_table"),
    Mutant("pinned twice", "src/pv/page_type.c", "    if (f->flags & FRAME_PINNED) {", "    if (!f) {",
           "unit/test_pv_table"),
    Mutant("a refused type keeps its reference", "src/pv/page_type.c",
           "    if (error)\n        page_put(d, f);\n    else\n", "    if (!error)\n", "unit/test_pv_table"),
    Mutant("the type count of a writable mapping not dropped", "src/pv/table.c",
           "    if (entry & PTE_W)\n        page_put_type(d, f);\n", "", "unit/test_pv_table"),
    Mutant("a guest's mapping may be global", "src/pv/table.c", "return (entry | PTE_U) & ~PTE_G;",
           "return entry | PTE_U;", "unit/test_pv_table"),
    Mutant("one entry too many given back", "src/pv/table.c", "put_entries(d, table, type, i);",
           "put_entries(d, table, type, i + 1);", "unit/test_pv_table"),
    Mutant("a guest may name a large page", "src/pv/table.c", "    if (entry & ~TABLE_ALLOWED)\n",
           "    if (entry & ~(TABLE_ALLOWED | PTE_PS))\n", "unit/test_pv_table"),
    Mutant("no note that a mapping has ended", "src/pv/table.c", "    page_note_ended(f);\n", "", "model/test_pagetype"),
    Mutant("no flush before a frame leaves its domain", "src/pv/page_type.c",
           "    forget(f);\n    d->frames--;", "    d->frames--;", "model/test_pagetype"),
    Mutant("the hypervisor's slots in the wrong table", "src/pv/table.c", "    if (type == FT_L4)\n        l4_fill",
           "    if (type == FT_L3)\n        l4_fill", "model/test_pagetype"),
    Mutant("a level of tables is not looked into", "src/pv/page_type.c", "    if (type == FT_WRITABLE)\n        return 0;",
           "    if (type == FT_WRITABLE || type == FT_L3)\n        return 0;", "model/test_pagetype"),
    Mutant("a gate of level 3 is taken for data", "src/pv/segment.c", "return *descriptor & DESCRIPTOR_S;",
           "return *descriptor & DESCRIPTOR_DPL;", "unit/test_pv_segment"),
    Mutant("an unmasked port does not reach the vcpu", "src/pv/event_channel.c",
           "        (s->evtchn_pending[word] & bit) &&\n", "        !(s->evtchn_pending[word] & bit) &&\n",
           "unit/test_pv_events"),
    Mutant("a call made again begins one item late", "src/pv/mmu_update.c",
           "pv_again(v, __HYPERVISOR_mmu_update, list + i * sizeof(u)", "pv_again(v, __HYPERVISOR_mmu_update, list + (i + 1) * sizeof(u)",
           "unit/test_pv_lists"),
    Mutant("the first page tables are mapped writable", "src/pv/builder.c", "i >= b->tables &&", "i > b->tables &&",
           "unit/test_pv_builder"),
    # src/io
    Mutant("an accepted interrupt stays requested", "src/io/lapic.c", "    clear_bit(l->irr, vector);\n", "",
           "unit/test_lapic"),
    Mutant("divide by 1 divides by 256", "src/io/lapic.c", "return code == DIVIDE_BY_1 ? 0 : code + 1;", "return code + 1;",
           "unit/test_lapic"),
    Mutant("a periodic timer's lateness adds up", "src/io/lapic.c", "l->started += (now - l->started) / p * p;",
           "l->started = now;", "unit/test_lapic"),
    Mutant("the loop-back mode prints", "src/io/uart.c", "else if (!(u->mcr & MCR_LOOP))", "else", "unit/test_io"),
]
