/*
 * The least that a subagent on libnetsnmp can do: one handler for a subtree, over a sorted array.
 *
 *   snmp_subagent SOCKET ROOT DATA
 *
 * Each line of DATA is the name of a variable below ROOT, its type (integer or string) and its value, with a blank
 * between them.
 */
#include <net-snmp/net-snmp-config.h>
#include <net-snmp/net-snmp-includes.h>
#include <net-snmp/agent/net-snmp-agent-includes.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LINE 4096

typedef struct {
    oid *name;
    size_t length;
    unsigned char type;
    long number;
    char *text;
    size_t text_length;
} Variable;

static Variable *variables;
static size_t count;

static void fail(const char *what)
{
    fprintf(stderr, "snmp_subagent: %s\n", what);
    exit(1);
}

static int compare(const void *left, const void *right)
{
    const Variable *a = left, *b = right;
    return snmp_oid_compare(a->name, a->length, b->name, b->length);
}

static Variable parse(const char *root, char *line)
{
    oid name[MAX_OID_LEN];
    char whole[2 * MAX_LINE];
    Variable found = {.length = MAX_OID_LEN};
    char *type = strchr(line, ' '), *value = type == NULL ? NULL : strchr(type + 1, ' ');

    if (value == NULL)
        fail("half a line");
    *type++ = *value++ = '\0';
    value[strcspn(value, "\n")] = '\0';
    snprintf(whole, sizeof whole, "%s.%s", root, line);
    if (!read_objid(whole, name, &found.length))
        fail("not an object identifier");
    found.name = netsnmp_memdup(name, found.length * sizeof(oid));
    found.type = strcmp(type, "integer") == 0 ? ASN_INTEGER : ASN_OCTET_STR;
    found.number = atol(value);
    found.text = strdup(value);
    found.text_length = strlen(value);
    return found;
}

static void load(const char *root, const char *path)
{
    char line[MAX_LINE];
    size_t room = 0;
    FILE *file = fopen(path, "r");

    if (file == NULL)
        fail("no data");
    while (fgets(line, sizeof line, file) != NULL) {
        if (count == room) {
            room = room ? 2 * room : 1024;
            variables = realloc(variables, room * sizeof(Variable));
            if (variables == NULL)
                fail("no memory");
        }
        variables[count++] = parse(root, line);
    }
    fclose(file);
    qsort(variables, count, sizeof(Variable), compare);
}

/* Returns the first variable that comes after a name, or that is not before it. */
static const Variable *search(const oid *name, size_t length, int include)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = snmp_oid_compare(variables[middle].name, variables[middle].length, name, length);
        if (order < 0 || (order == 0 && !include))
            low = middle + 1;
        else
            high = middle;
    }
    return low < count ? &variables[low] : NULL;
}

static void answer(netsnmp_variable_list *asked, const Variable *found)
{
    snmp_set_var_objid(asked, found->name, found->length);
    if (found->type == ASN_INTEGER)
        snmp_set_var_typed_value(asked, ASN_INTEGER, &found->number, sizeof found->number);
    else
        snmp_set_var_typed_value(asked, ASN_OCTET_STR, found->text, found->text_length);
}

static int handle(netsnmp_mib_handler *handler, netsnmp_handler_registration *registration,
                  netsnmp_agent_request_info *info, netsnmp_request_info *requests)
{
    (void)handler;
    (void)registration;
    for (netsnmp_request_info *request = requests; request != NULL; request = request->next) {
        netsnmp_variable_list *asked = request->requestvb;
        int exact = info->mode == MODE_GET;
        const Variable *found = search(asked->name, asked->name_length, exact || request->inclusive);
        if (exact && (found == NULL || snmp_oid_compare(found->name, found->length, asked->name, asked->name_length)))
            netsnmp_set_request_error(info, request, SNMP_NOSUCHINSTANCE);
        else if (found != NULL)
            answer(asked, found);
    }
    return SNMP_ERR_NOERROR;
}

int main(int argc, char **argv)
{
    oid root[MAX_OID_LEN];
    size_t length = MAX_OID_LEN;
    char address[MAX_LINE];

    if (argc != 4)
        fail("wrong arguments");
    snprintf(address, sizeof address, "unix:%s", argv[1]);
    netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_DONT_READ_CONFIGS, 1);
    netsnmp_ds_set_boolean(NETSNMP_DS_APPLICATION_ID, NETSNMP_DS_AGENT_ROLE, 1);
    netsnmp_ds_set_string(NETSNMP_DS_APPLICATION_ID, NETSNMP_DS_AGENT_X_SOCKET, address);
    setenv("MIBS", "", 1);
    init_agent("snmp_subagent");
    load(argv[2], argv[3]);
    if (!read_objid(argv[2], root, &length))
        fail("not an object identifier");
    netsnmp_register_handler(
        netsnmp_create_handler_registration("bench", handle, root, length, HANDLER_CAN_RONLY));
    init_snmp("snmp_subagent");
    for (;;)
        agent_check_and_process(1);
}
