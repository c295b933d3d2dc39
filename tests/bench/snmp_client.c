/*
 * An SNMP manager that does nothing but ask: no printing, no MIBs, one request at a time over SNMPv2c.
 *
 *   snmp_client ADDRESS COMMUNITY bulk REPETITIONS COLUMN...      GETBULK, one column after the other
 *   snmp_client ADDRESS COMMUNITY columns REPETITIONS COLUMN...   GETBULK of all columns at once
 *   snmp_client ADDRESS COMMUNITY next 1 COLUMN...                GETNEXT, one column after the other
 *       walks, and prints how many variables came, and in how many seconds
 *
 *   snmp_client ADDRESS COMMUNITY steady SECONDS SCALAR COLUMN...
 *       sends a GET of the scalar, a GETNEXT of the first column and a GETBULK of all columns in turn, one request each
 *       five milliseconds, and prints how many were answered, the milliseconds that the slowest answer took, and how
 *       often the scalar had changed
 *
 * It ends with status 1 where an answer is missing, is an error, or is not in order.
 */
#include <net-snmp/net-snmp-config.h>
#include <net-snmp/net-snmp-includes.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_COLUMNS 16
#define STEADY_REPETITIONS 12
#define STEADY_INTERVAL 0.005
#define TIMEOUT 30

typedef struct {
    oid name[MAX_OID_LEN];
    size_t length;
} Name;

static void *session;

static void fail(const char *what)
{
    fprintf(stderr, "snmp_client: %s\n", what);
    exit(1);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static void sleep_until(double moment)
{
    double rest = moment - now();
    if (rest > 0) {
        struct timespec time = {(time_t)rest, (long)((rest - (time_t)rest) * 1e9)};
        nanosleep(&time, NULL);
    }
}

static Name parse(const char *text)
{
    Name found = {.length = MAX_OID_LEN};
    if (!read_objid(text, found.name, &found.length))
        fail("not an object identifier");
    return found;
}

/* Returns the answer to one request, which has to be freed. */
static netsnmp_pdu *ask(int command, long repetitions, const Name *names, size_t count)
{
    netsnmp_pdu *request = snmp_pdu_create(command), *answer = NULL;
    if (command == SNMP_MSG_GETBULK) {
        request->non_repeaters = 0;
        request->max_repetitions = repetitions;
    }
    for (size_t i = 0; i < count; i++)
        snmp_add_null_var(request, names[i].name, names[i].length);
    if (snmp_sess_synch_response(session, request, &answer) != STAT_SUCCESS || answer == NULL)
        fail("no answer");
    if (answer->errstat != SNMP_ERR_NOERROR)
        fail(snmp_errstring(answer->errstat));
    return answer;
}

static int is_below(const netsnmp_variable_list *variable, const Name *column)
{
    return variable->type != SNMP_ENDOFMIBVIEW && variable->name_length > column->length &&
           memcmp(variable->name, column->name, column->length * sizeof(oid)) == 0;
}

/* Walks through some columns side by side to the end of the longest, and returns how many variables they have. */
static long walk(int command, long repetitions, const Name *columns, size_t count)
{
    Name last[MAX_COLUMNS];
    int ended[MAX_COLUMNS] = {0};
    size_t open = count;
    long found = 0;

    memcpy(last, columns, count * sizeof(Name));
    while (open > 0) {
        netsnmp_pdu *answer = ask(command, repetitions, last, count);
        size_t i = 0;
        if (answer->variables == NULL)
            fail("an empty answer");
        for (netsnmp_variable_list *variable = answer->variables; variable != NULL; variable = variable->next_variable) {
            if (!ended[i] && !is_below(variable, &columns[i])) {
                ended[i] = 1;
                open--;
            } else if (!ended[i]) {
                if (snmp_oid_compare(variable->name, variable->name_length, last[i].name, last[i].length) <= 0)
                    fail("the variables are not in order");
                memcpy(last[i].name, variable->name, variable->name_length * sizeof(oid));
                last[i].length = variable->name_length;
                found++;
            }
            i = (i + 1) % count;
        }
        snmp_free_pdu(answer);
    }
    return found;
}

static void walk_all(const char *mode, long repetitions, const Name *columns, size_t count)
{
    double started = now();
    long found = 0;

    if (strcmp(mode, "columns") == 0)
        found = walk(SNMP_MSG_GETBULK, repetitions, columns, count);
    else
        for (size_t i = 0; i < count; i++)
            found += walk(strcmp(mode, "bulk") ? SNMP_MSG_GETNEXT : SNMP_MSG_GETBULK, repetitions, &columns[i], 1);
    printf("%ld %.6f\n", found, now() - started);
}

/* Returns whether a scalar is another than at the last call. */
static int has_changed(const netsnmp_variable_list *variable)
{
    static unsigned char before[64];
    static size_t before_length;
    size_t length = variable->val_len < sizeof before ? variable->val_len : sizeof before;
    int changed = before_length != 0 && (length != before_length || memcmp(variable->val.string, before, length) != 0);

    memcpy(before, variable->val.string, length);
    before_length = length;
    return changed;
}

static void steady(double seconds, const Name *scalar, const Name *columns, size_t count)
{
    double started = now(), slowest = 0;
    long asked = 0, changes = 0;

    for (; asked * STEADY_INTERVAL < seconds; asked++) {
        netsnmp_pdu *answer;
        double sent, took;
        sleep_until(started + asked * STEADY_INTERVAL);
        sent = now();
        if (asked % 3 == 0)
            answer = ask(SNMP_MSG_GET, 0, scalar, 1);
        else if (asked % 3 == 1)
            answer = ask(SNMP_MSG_GETNEXT, 0, columns, 1);
        else
            answer = ask(SNMP_MSG_GETBULK, STEADY_REPETITIONS, columns, count);
        took = now() - sent;
        if (took > slowest)
            slowest = took;
        if (asked % 3 == 0)
            changes += has_changed(answer->variables);
        else if (!is_below(answer->variables, &columns[0]))
            fail("a column is empty");
        snmp_free_pdu(answer);
    }
    printf("%ld %.3f %ld\n", asked, slowest * 1000, changes);
}

int main(int argc, char **argv)
{
    netsnmp_session settings;
    Name names[MAX_COLUMNS + 1];
    size_t count = 0;

    if (argc < 6 || argc - 5 > MAX_COLUMNS + 1)
        fail("wrong arguments");
    netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_DONT_READ_CONFIGS, 1);
    setenv("MIBS", "", 1);
    init_snmp("snmp_client");
    snmp_sess_init(&settings);
    settings.version = SNMP_VERSION_2c;
    settings.peername = argv[1];
    settings.community = (unsigned char *)argv[2];
    settings.community_len = strlen(argv[2]);
    settings.timeout = TIMEOUT * 1000000L;
    settings.retries = 0;
    session = snmp_sess_open(&settings);
    if (session == NULL)
        fail("no session");
    for (int i = 5; i < argc; i++)
        names[count++] = parse(argv[i]);
    if (strcmp(argv[3], "steady") == 0)
        steady(atof(argv[4]), &names[0], &names[1], count - 1);
    else
        walk_all(argv[3], atol(argv[4]), names, count);
    snmp_sess_close(session);
    return 0;
}
