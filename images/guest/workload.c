#include "workload.h"

#include "file.h"
#include "sys.h"
#include "text.h"

struct shared *workload_shared;

static char *program;
static char **environment;

/* A shell that finds the program by its search path gives it the name alone. */
static char *path_of(char *name)
{
	static char path[64] = "/workloads/";

	if (name[0] == '/')
		return name;
	text_append(path, sizeof(path), text_length(path), name);
	return path;
}

int guest_main(int argc, char **argv, char **envp)
{
	const char *amount = argc > 2 ? argv[2] : "";

	program = path_of(argv[0]);
	environment = envp;
	workload_shared = shared_attach(envp);
	if (!workload_shared)
		return 126;
	return workload_main(argc > 1 ? argv[1] : "", text_to_number(&amount));
}

bool workload_start(const char *role, uint64_t amount, int *pid)
{
	char number[21];
	char *argv[4];
	long result;

	number[text_from_number(number, amount)] = '\0';
	argv[0] = program;
	argv[1] = (char *)role;
	argv[2] = number;
	argv[3] = NULL;
	result = spawn(program, argv, environment);
	if (pid)
		*pid = (int)result;
	return result > 0;
}

bool workload_start_all(const char *role, uint64_t amount, uint64_t count)
{
	for (; count; count--)
		if (!workload_start(role, amount, NULL))
			return false;
	return true;
}

int workload_fail(const char *why)
{
	size_t length = 0;

	/* The first reason is the cause of the others. */
	if (workload_shared->why[0])
		return 1;
	shared_set(&workload_shared->last_errno, (unsigned long)last_errno);
	for (; why[length] && length < sizeof(workload_shared->why) - 1; length++)
		workload_shared->why[length] = why[length];
	workload_shared->why[length] = '\0';
	return 1;
}

int workload_exit(const char *why)
{
	return why ? workload_fail(why) : 0;
}

bool workload_faults(bool on)
{
	if (!environment_value(environment, "oomlab_fault_page_alloc=") &&
	    !environment_value(environment, "oomlab_fault_slab="))
		return false;
	return write_file("/proc/thread-self/make-it-fail", on ? "1" : "0") && on;
}

bool wait_until_ready(uint64_t count)
{
	enum { POLL_MS = 5, MAX_POLLS = 12000 };

	for (int i = 0; i < MAX_POLLS; i++) {
		if (shared_get(&workload_shared->ready) >= count)
			return true;
		sleep_ms(POLL_MS);
	}
	return false;
}

bool wait_until_free(uint64_t kib)
{
	enum { POLL_MS = 20, MAX_POLLS = 1500 };

	for (int i = 0; i < MAX_POLLS; i++) {
		if (free_memory_kib() >= kib)
			return true;
		sleep_ms(POLL_MS);
	}
	return false;
}

static const char *option(const char *variable, const char *fallback)
{
	const char *value = environment_value(environment, variable);

	return value ? value : fallback;
}

const char *workload_option_word(const char *variable, const char *fallback)
{
	return option(variable, fallback);
}

uint64_t workload_option_count(const char *variable, const char *fallback)
{
	const char *value = option(variable, fallback);

	return text_to_number(&value);
}

static uint64_t percent_of_free(uint32_t percent)
{
	uint32_t free = (uint32_t)free_memory_kib();

	return (uint64_t)(free / 100) * percent + free % 100 * percent / 100;
}

uint64_t workload_option_kib(const char *variable, const char *fallback)
{
	const char *value = option(variable, fallback);
	uint64_t number = text_to_number(&value);

	switch (*value) {
	case '%':
		return percent_of_free((uint32_t)number);
	case 'G':
		return number << 20;
	case 'M':
		return number << 10;
	default:
		return number;
	}
}

/* A decimal fraction in millionths; digits after the sixth are dropped. */
static uint32_t millionths(const char *value)
{
	uint32_t result = (uint32_t)text_to_number(&value) * 1000000;
	uint32_t weight = 100000;

	if (*value == '.')
		for (value++; *value >= '0' && *value <= '9' && weight; value++, weight /= 10)
			result += (uint32_t)(*value - '0') * weight;
	return result;
}

/* The kernel's generator may still be unseeded this early (GRND_INSECURE, since 5.6): the clock is mixed in. */
static uint32_t random(void)
{
	enum { GRND_INSECURE = 4 };
	struct {
		uint32_t generator;
		uint64_t clock;
	} __attribute__((packed)) seed = { 0, now_us() };

	SYS(getrandom, &seed.generator, sizeof(seed.generator), GRND_INSECURE);
	return text_checksum((const char *)&seed, sizeof(seed));
}

bool workload_option_chance(const char *variable, const char *fallback)
{
	return (uint64_t)random() * 1000000 >> 32 < millionths(option(variable, fallback));
}
