/*
 * The root of a vcpu outside long mode: the processor runs on PAE paging then, whatever the guest
 * believes, and PAE's root is four entries in a page below 4 GiB.
 *
 * Under PAE paging the guest's own four are in registers that only a load of CR3 (or of some bits
 * of CR0 and CR4) fills, so they are no table that could be shadowed. Under 32-bit paging the
 * guest's directory has 1024 entries for 4 MiB each, a shadow of level 2 has 512 for 2 MiB: four
 * shadows make up the directory, each a quarter. In the same way two shadows make up a table of
 * level 1.
 *
 * Invariant: a vcpu has one such root for each mode that it was in. Its entries are of the address
 * space that was loaded last, and are written anew by each load.
 */
#include "domain.h"
#include "rights.h"
#include "shadow.h"

struct shadow *shadow_pae_root(struct vcpu *v)
{
    struct domain *d = v->domain;
    const struct walk_mode *m = &v->paging->mode;
    struct shadow *root = shadow_get(d, v->id, v->paging->root_role);

    for (unsigned i = 0; root && i < WALK_PDPTES; i++) {
        u64 table = m->levels == 2 ? m->root | PTE_P : m->pdpte[i];
        struct shadow_link l = link_directory(root->role, i, table);
        struct shadow *child = table & PTE_P ? shadow_find(&d->physmap->pool, l.gfn, l.role) : NULL;

        shadow_set_child(d, root, i, child, 0);
    }
    return root;
}
