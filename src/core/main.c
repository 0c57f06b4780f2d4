/*
 * After the boot: the core starts what it needs, says so in one line, and enters the run loop.
 */
#include "boot.h"
#include "boot_steps.h"
#include "console.h"
#include "domain.h"
#include "fpu.h"
#include "frame.h"
#include "lives.h"
#include "log.h"
#include "machine.h"
#include "sched.h"
#include "timer.h"
#include "trace.h"
#include "virt.h"

#include <string.h>

enum { DEFAULT_SLICE_US = 10000 };

extern const char build_commit[];

static u32 violations;

void machine_violation(const char *format, ...)
{
    char what[200];
    va_list ap;

    va_start(ap, format);
    format_text_v(what, sizeof(what), format, ap);
    va_end(ap);
    violations++;
    log_line("@violation {\"what\":\"%s\"}", what);
}

/*
 * Tour 60: the machine stops. When nobody is left the machine says whether all went well and
 * switches itself off with that code. A run needs no time-out to be known to have ended, and no
 * person to look whether it was right. What to read next: docs/architecture.md for the whole,
 * src/cpu/emulate/ for the largest room that this tour only passed, and the labs.
 */
void machine_end(void)
{
    bool ok = domain_all_well() && violations == 0 && lives_started() > 0;

    log_line("@machine {\"ok\":%s,\"domains\":%u,\"violations\":%u}", ok ? "true" : "false",
             lives_started(), violations);
    machine_stop(ok);
}

static u64 slice_option(void)
{
    char value[16];
    u64 us = 0;

    if (!boot_option("slice", value, sizeof(value)))
        return DEFAULT_SLICE_US;
    for (const char *s = value; *s; s++) {
        if (*s < '0' || *s > '9' || us > 10000000)
            refuse("slice=%s is not a number of microseconds.", value);
        us = us * 10 + (u64)(*s - '0');
    }
    if (us < 100)
        refuse("slice=%s is too short: at least 100 microseconds.", value);
    return us;
}

/*
 * Tour 9: the core starts. The machine is ours. `virt_init` is the first call of many that has
 * several implementations, of which the linker took one: VT-x and friends in src/cpu/, or src/pv/.
 * What follows is the same in all modes; read on as if there were only one.
 */
void core_main(void)
{
    log_line("Trivisor, mode " MODE_NAME ", " BUILD_NAME " build, commit %s", build_commit);
    timer_init();
    fpu_init();
    virt_init();
    sched_slice = us_to_ticks(slice_option());
    u64 image = (u64)(uintptr_t)image_end - (u64)(uintptr_t)image_start;
    log_line("@boot {\"mode\":\"" MODE_NAME "\",\"build\":\"" BUILD_NAME "\",\"commit\":\"%s\","
             "\"vendor\":\"%s\",\"tsc_khz\":%lu,\"memory_kib\":%lu,\"image_bytes\":%lu}",
             build_commit, virt_vendor(), tsc_khz, frame_free_count() << 2, image);
    if (!boot_info.modules)
        refuse("There is no domain to run: give at least one module.");
    trace_init();
    trace_init_reports();
    lives_init();
    sched_run();
}
