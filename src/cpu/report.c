/*
 * Stopping a domain because of an exit: what a person needs, on one screen.
 */
#include "cpu.h"
#include "domain.h"
#include "log.h"
#include "physmap.h"

/* Where a linear address leads: through the guest's tables, then the domain's frame numbers. */
static void report_address(struct vcpu *v, const char *name, u64 gva)
{
    static const char *const kind[] = {"nothing there", "RAM", "RAM not filled yet"};
    mfn_t mfn = MFN_INVALID;
    u64 gpa;

    if (!cpu_translate(v, gva, &gpa)) {
        log_line("  %s %lx: the guest maps nothing there", name, gva);
        return;
    }
    enum physmap_kind k = physmap_lookup(v->domain, gpa_to_gfn(gpa_of(gpa)), &mfn);
    if (k == PHYSMAP_RAM)
        log_line("  %s %lx -> guest-physical %lx -> machine frame %lx", name, gva, gpa, mfn.v);
    else
        log_line("  %s %lx -> guest-physical %lx: %s", name, gva, gpa, kind[k]);
}

void cpu_kill(struct vcpu *v, const struct exit *e, const char *why)
{
    u64 rip = virt_get(v, VREG_RIP);

    if (v->domain->doomed)
        return;
    log_line("%s is stopped: %s", v->domain->config.name, why);
    virt_report(v, e);
    report_address(v, "rip", rip);
    if (e->reason == EXIT_PAGE_FAULT || (e->reason == EXIT_STAGE2 && e->gva_valid))
        report_address(v, "address", e->gva);
    domain_end(v->domain, END_KILLED, 0, "%s, at rip %lx", why, rip);
}
