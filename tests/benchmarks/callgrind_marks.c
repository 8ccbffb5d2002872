/* Where counting begins and ends: called by ctypes, seen by valgrind --tool=callgrind. */
#include <valgrind/callgrind.h>

void begin(void)
{
    CALLGRIND_START_INSTRUMENTATION;
    CALLGRIND_TOGGLE_COLLECT;
}

void end(void)
{
    CALLGRIND_TOGGLE_COLLECT;
    CALLGRIND_STOP_INSTRUMENTATION;
}

/* One operation of several: what is counted is written into a file of its own. */
void one_begins(void)
{
    CALLGRIND_TOGGLE_COLLECT;
}

void one_ends(void)
{
    CALLGRIND_TOGGLE_COLLECT;
    CALLGRIND_DUMP_STATS;
}
