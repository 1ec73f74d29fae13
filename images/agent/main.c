/* PID 1 of the guest, or its first child when a root disk has an init: sends heartbeats over the console, starts the workload, and reports
 * its exit. */

#include "../guest/process.h"
#include "../guest/shared.h"
#include "../guest/sys.h"
#include "../guest/text.h"
#include "canary.h"
#include "console.h"
#include "faults.h"
#include "frame.h"
#include "lock.h"
#include "modules.h"
#include "output.h"
#include "root_disk.h"
#include "shell.h"
#include "user_space.h"

enum { PROTOCOL = 1, BEAT_US = 1000000, CANARY_START_US = 1000000, MAX_VARIABLES = 64 };

static struct shared *shared;
static char *environment[MAX_VARIABLES + 1];
static char shared_variable[32];
static int sysrq_fd;
static int ssh_server; /* its pid, with a root disk without an init */

static void check(const char *what, long result)
{
	if (result < 0)
		console_error(what, result);
}

static void send_hello(unsigned page)
{
	frame_begin("hello");
	frame_number("v", PROTOCOL);
	frame_word("arch", GUEST_ARCH);
	frame_number("page", page);
	frame_number("ram", total_memory_kib());
	frame_send();
}

/* A loop that the compiler cannot optimize away; it takes a few milliseconds under emulation. */
static void send_speed(void)
{
	uint32_t value = 1;
	uint64_t start = now_us();

	for (uint32_t i = 0; i < 500000; i++) {
		value = value * 1664525 + 1013904223;
		__asm__ volatile("" : "+r"(value));
	}
	frame_begin("speed");
	frame_number("us", now_us() - start);
	frame_send();
}

static void send_beat(void)
{
	uint64_t now = us_to_ms(now_us());
	uint64_t finished = shared_get(&shared->canary_finished_ms);

	frame_begin("beat");
	frame_number("t", now);
	frame_number("free", free_memory_kib());
	frame_number("rounds", shared_get(&shared->canary_rounds));
	frame_number("us", shared_get(&shared->canary_us));
	frame_number("age", now > finished ? now - finished : 0);
	frame_number("late", shared_get(&shared->canary_late_ms));
	frame_number("kills", shared_get(&shared->oom_kills));
	frame_number("reclaim", shared_get(&shared->reclaim));
	frame_number("units", shared_get(&shared->units));
	frame_send();
}

static void __attribute__((noreturn)) power_off(void)
{
	const uint32_t commands[] = { LINUX_REBOOT_CMD_POWER_OFF, LINUX_REBOOT_CMD_RESTART };

	console_drain();
#ifdef GUEST_POWER_OFF
	/* drivers/acpi/bus.c makes it. */
	if (sys_open("/proc/acpi", O_RDONLY | O_CLOEXEC) < 0)
		GUEST_POWER_OFF();
#endif
	for (int i = 0; i < 2; i++)
		check("reboot", SYS(reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, commands[i]));
	for (;;)
		sleep_ms(1000);
}

static void __attribute__((noreturn)) say_bye(void)
{
	frame_begin("bye");
	frame_send();
	power_off();
}

static void __attribute__((noreturn)) finish(const struct child *child, const char *why)
{
	const unsigned long last = shared_get(&shared->last_errno);

	output_end();
	frame_begin("finished");
	frame_number("status", (uint64_t)(child->killed ? 128 + child->status : child->status));
	frame_number("units", shared_get(&shared->units));
	frame_word("why", child->killed ? "killed" : why);
	if (last && !child->killed)
		frame_number("errno", last);
	frame_send();
	say_bye();
}

/* The reason that the workload gave, terminated whatever it wrote. */
static const char *workload_why(void)
{
	shared->why[sizeof(shared->why) - 1] = '\0';
	return shared->why;
}

static void handle_command(const char *command)
{
	const char *letter = text_after(command, "sysrq ");

	if (text_equal(command, "stop"))
		say_bye();
	else if (text_equal(command, "ping"))
		send_beat();
	else if (letter && letter[0] && !letter[1])
		check("sysrq", sys_write(sysrq_fd, letter, 1));
}

/* The environment that the kernel made of its command line, and the variables for the shared page and for a shell. */
static void make_environment(char **envp)
{
	static char search_path[] = "PATH=/workloads:/usr/sbin:/usr/bin:/sbin:/bin", prompt[] = "PS1=\\w # ";
	size_t count = 0;

	while (envp[count] && count < MAX_VARIABLES - 3) {
		environment[count] = envp[count];
		count++;
	}
	environment[count++] = search_path;
	environment[count++] = prompt;
	if (shared_variable[0])
		environment[count] = shared_variable;
}

static void load_modules(void)
{
	const char *why = modules_load();

	if (why)
		finish(&(struct child){ .status = 126 }, why);
}

static void configure_faults(void)
{
	const char *why = faults_configure(environment);

	if (why)
		finish(&(struct child){ .status = 126 }, why);
}

/* Where the user space is, if it is on a disk. */
static const char *root_disk(void)
{
	return environment_value(environment, "oomlab_root_disk=") ? ROOT_DISK : NULL;
}

/* While a device is not there, PID 1 beats: a driver that is missing is no hang. */
static void wait_for_device(void)
{
	static uint64_t next_beat;

	sleep_ms(20);
	if (now_us() < next_beat)
		return;
	send_beat();
	next_beat = now_us() + BEAT_US;
}

static void mount_root_disk(void)
{
	const char *why = root_disk() ? root_disk_mount(wait_for_device) : NULL;

	if (why)
		finish(&(struct child){ .status = 126 }, why);
}

/* The lab runs the test over SSH, and this program only watches. The OOM killer spares the server and its sessions, which have this
 * program's oom_score_adj; the test has another. */
static void serve_root_disk(void)
{
	const char *why = root_disk() ? root_disk_serve(environment, &ssh_server, wait_for_device) : NULL;

	if (why)
		finish(&(struct child){ .status = 126 }, why);
}

/* All allocations of such a task are GFP_NOIO (PF_MEMALLOC_NOIO, since Linux 5.6). Its children inherit that. */
static void set_io_flusher(unsigned long on)
{
	if (SYS(prctl, PR_SET_IO_FLUSHER, on, 0, 0, 0) < 0)
		finish(&(struct child){ .status = 126 }, "no-gfp-noio-canary");
}

static void start_canary(void)
{
	char *argv[] = { "canary", NULL };
	uint64_t deadline = now_us() + CANARY_START_US;
	const char *gfp = environment_value(environment, "oomlab_canary=");
	bool is_noio = gfp && text_equal(gfp, "gfp-noio");

	if (is_noio)
		set_io_flusher(1);
	check("start the canary", spawn("/init", argv, environment));
	if (is_noio)
		set_io_flusher(0);
	while (!shared_get(&shared->canary_rounds) && now_us() < deadline)
		sleep_ms(1);
}

/* A script that runs programs of a distribution: what it prints goes to the lab. The kernel may know no `#!`. */
static long start_script(const char *path)
{
	char *argv[] = { "sh", (char *)path, NULL };
	int output;
	long pid;

	user_space_prepare();
	output = output_open();
	if (output < 0)
		return output;
	pid = spawn_to(output, "/bin/sh", argv, environment);
	sys_close(output);
	return pid;
}

/* Starts the workload that the kernel command line names: its pid, or 0 without one. */
static int start_workload(void)
{
	const char *name = environment_value(environment, "oomlab_workload=");
	char path[64] = "/workloads/";
	char *argv[] = { path, NULL };
	const char *results = environment_value(environment, "oomlab_script=");
	long pid;

	if (!name)
		return 0;
	text_append(path, sizeof(path), text_length(path), name);
	if (results)
		pid = start_script(path);
	else
		pid = spawn(path, argv, environment);
	if (pid < 0) {
		console_error(path, pid);
		finish(&(struct child){ .status = 127 }, "not-executable");
	}
	frame_begin("started");
	frame_word("name", name);
	frame_number("pid", (uint64_t)pid);
	if (results)
		frame_word("results", results);
	frame_send();
	return (int)pid;
}

static void prepare(char **envp)
{
	/* A person at the console needs its echo and signals. */
	if (!environment_value(envp, "oomlab_shell="))
		console_open();
	sys_mkdir("/proc");
	check("mount /proc", sys_mount("proc", "/proc", NULL));
	check("set oom_score_adj", set_oom_score_adj("-1000"));
	sysrq_fd = (int)sys_open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);
	shared = shared_create(shared_variable);
	if (!shared) {
		console_error("share a page", 0);
		power_off();
	}
	make_environment(envp);
	lock_memory();
}

/* The daemons that a script's programs leave behind are PID 1's. A workload of the lab's may count on its zombies. */
static bool reaps_all(void)
{
	return root_disk() || environment_value(environment, "oomlab_script=");
}

static void __attribute__((noreturn)) run(int workload)
{
	uint64_t next_beat = now_us() + BEAT_US;

	for (;;) {
		size_t length;
		char *line = console_wait(output_fd(), next_beat, &length);
		const char *command = line ? command_parse(line, length) : NULL;
		struct child child;

		if (command)
			handle_command(command);
		shared_add(&shared->units, output_relay());
		while ((workload || reaps_all()) && wait_child(reaps_all() ? 0 : workload, WNOHANG, &child))
			if (workload && child.pid == workload)
				finish(&child, workload_why());
			else if (ssh_server && child.pid == ssh_server)
				finish(&(struct child){ .status = 126 }, "ssh-server-ended");
		if (now_us() >= next_beat) {
			send_beat();
			next_beat = now_us() + BEAT_US;
		}
	}
}

/* A shell instead of the trial, if the kernel command line asks for one. */
static void run_shell(void)
{
	const char *terminal = environment_value(environment, "oomlab_shell=");

	if (!terminal)
		return;
	load_modules();
	configure_faults();
	user_space_prepare();
	mount_root_disk();
	shell_run(terminal, root_disk(), environment);
	power_off();
}

int guest_main(int argc, char **argv, char **envp)
{
	if (argc && text_equal(argv[0], "canary")) {
		shared = shared_attach(envp);
		if (shared)
			canary_run(shared);
		return 1;
	}
	prepare(envp);
	run_shell();
	send_hello(page_size(envp));
	send_speed();
	load_modules();
	configure_faults();
	start_canary();
	send_beat();
	mount_root_disk();
	serve_root_disk();
	run(start_workload());
}
