// SPDX-License-Identifier: GPL-2.0
/*
 * Parsers: the registry of struct_ops libra_parser_ops, and running one
 *
 * A parser object belongs to a name, not to a loaded BPF map: streams and
 * policies hold the object, and loading, replacing and unloading BPF only
 * changes its ops pointer. Unregistering cannot fail in struct_ops, so an
 * object in use stays without ops: its streams are given up one by one as they
 * run it, and a later registration of the name brings it back.
 *
 * Locks:
 *   parsers_lock (spinlock, BH-safe, innermost) guards the list and everything
 *     in struct libra_parser except that
 *   @ops is read under RCU. bpf_struct_ops frees a map (trampoline and kdata)
 *     only a grace period of RCU and RCU-tasks after unreg() or update() took
 *     it away, so a call inside rcu_read_lock() needs no reference and the
 *     registry need not wait;
 *   @refs drops to zero only under parsers_lock, together with leaving the
 *     list: who finds an object there may take a reference.
 *   BPF's update_mutex is held around reg(), unreg() and update().
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bpf.h>
#include <linux/bpf_verifier.h>
#include <linux/btf.h>
#include <linux/ctype.h>
#include <linux/module.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "frame.h"
#include "kfuncs.h"
#include "run.h"
#include "parser.h"

/**
 * struct libra_parser - what a name stands for
 * @list: in parsers
 * @ops: in kdata of the registered BPF map; NULL when there is none
 * @refs: one of each user, and one of the registration
 * @generation: registrations and replacements so far
 * @state_version: of the last @ops
 * @name: never changes
 */
struct libra_parser {
	struct list_head list;
	struct libra_parser_ops __rcu *ops;
	refcount_t refs;
	u32 generation;
	u32 state_version;
	char name[LIBRA_NAME_MAX];
};

static LIST_HEAD(parsers);
static DEFINE_SPINLOCK(parsers_lock);

/* Module BTF, NULL when the kernel has found none */
static struct btf *parser_btf;
/* struct libra_frame therein */
static const struct btf_type *frame_type;

static struct libra_parser *parser_find(const char *name)
{
	struct libra_parser *parser;

	lockdep_assert_held(&parsers_lock);
	list_for_each_entry(parser, &parsers, list)
		if (!strcmp(parser->name, name))
			return parser;
	return NULL;
}

static struct libra_parser_ops *parser_ops(const struct libra_parser *parser)
{
	return rcu_dereference_protected(parser->ops,
					 lockdep_is_held(&parsers_lock));
}

static void parser_set_ops(struct libra_parser *parser,
			   struct libra_parser_ops *ops)
{
	parser->generation++;
	WRITE_ONCE(parser->state_version, ops->state_version);
	rcu_assign_pointer(parser->ops, ops);
}

struct libra_parser *libra_parser_get(const char *name)
{
	struct libra_parser *parser;

	spin_lock_bh(&parsers_lock);
	parser = parser_find(name);
	if (parser && parser_ops(parser))
		refcount_inc(&parser->refs);
	else
		parser = NULL;
	spin_unlock_bh(&parsers_lock);
	return parser;
}

struct libra_parser *libra_parser_ref(struct libra_parser *parser)
{
	refcount_inc(&parser->refs);
	return parser;
}

static void parser_put_locked(struct libra_parser *parser)
{
	lockdep_assert_held(&parsers_lock);
	if (!refcount_dec_and_test(&parser->refs))
		return;
	list_del(&parser->list);
	kfree(parser);
}

void libra_parser_put(struct libra_parser *parser)
{
	/* Sockets close all the time: only the last reference needs the lock */
	if (!parser || refcount_dec_not_one(&parser->refs))
		return;
	spin_lock_bh(&parsers_lock);
	parser_put_locked(parser);
	spin_unlock_bh(&parsers_lock);
}

const char *libra_parser_name(const struct libra_parser *parser)
{
	return parser->name;
}

u32 libra_parser_version(const struct libra_parser *parser)
{
	return READ_ONCE(parser->state_version);
}

static int parser_count_one(const char *name, u32 state_version, u32 users,
			    u32 generation, void *arg)
{
	unsigned int *count = arg;

	(*count)++;
	return 0;
}

unsigned int libra_parser_count(void)
{
	unsigned int count = 0;

	libra_parser_for_each(parser_count_one, &count);
	return count;
}

int libra_parser_for_each(int (*fn)(const char *name, u32 state_version,
				    u32 users, u32 generation, void *arg),
			  void *arg)
{
	struct libra_parser *parser;
	int err = 0;

	spin_lock_bh(&parsers_lock);
	list_for_each_entry(parser, &parsers, list) {
		if (!parser_ops(parser))
			continue;
		/* The registration's own reference is no user */
		err = fn(parser->name, parser->state_version,
			 refcount_read(&parser->refs) - 1, parser->generation,
			 arg);
		if (err)
			break;
	}
	spin_unlock_bh(&parsers_lock);
	return err;
}

static int parser_call(struct libra_parser *parser, u32 version,
		       struct libra_frame *frame)
{
	struct libra_parser_ops *ops;
	int verdict = LIBRA_GIVE_UP;

	rcu_read_lock();
	ops = rcu_dereference(parser->ops);
	if (ops)
		verdict = ops->state_version == version ? ops->parse(frame) :
							  -ESTALE;
	rcu_read_unlock();
	return verdict;
}

int libra_parser_run(struct libra_parser *parser, u32 version, struct libra_run *run)
{
	int verdict;

	if (run->window.len > LIBRA_WINDOW_MAX)
		return LIBRA_GIVE_UP;
	if (run->label)
		memset(run->label, 0, sizeof(*run->label));

	verdict = parser_call(parser, version, &run->frame);
	switch (verdict) {
	case LIBRA_FRAME:
		return libra_frame_valid(&run->frame) ? LIBRA_FRAME : LIBRA_GIVE_UP;
	case LIBRA_NEED_MORE:
	case -ESTALE:
		return verdict;
	default:
		return LIBRA_GIVE_UP;
	}
}

/* struct_ops: registration */

static int parser_reg(void *kdata, struct bpf_link *link)
{
	struct libra_parser_ops *ops = kdata;
	struct libra_parser *parser, *fresh;
	int err = 0;

	/* Without a link it could not be replaced under load */
	if (!link)
		return -EOPNOTSUPP;

	fresh = kzalloc(sizeof(*fresh), GFP_KERNEL);
	if (!fresh)
		return -ENOMEM;

	spin_lock_bh(&parsers_lock);
	parser = parser_find(ops->name);
	if (!parser) {
		parser = fresh;
		fresh = NULL;
		strscpy(parser->name, ops->name, sizeof(parser->name));
		refcount_set(&parser->refs, 1);
		list_add_tail(&parser->list, &parsers);
		parser_set_ops(parser, ops);
	} else if (!parser_ops(parser)) {
		refcount_inc(&parser->refs);
		parser_set_ops(parser, ops);
	} else {
		err = -EEXIST;
	}
	spin_unlock_bh(&parsers_lock);

	kfree(fresh);
	return err;
}

static void parser_unreg(void *kdata, struct bpf_link *link)
{
	struct libra_parser_ops *ops = kdata;
	struct libra_parser *parser;

	spin_lock_bh(&parsers_lock);
	parser = parser_find(ops->name);
	if (!WARN_ON_ONCE(!parser || parser_ops(parser) != ops)) {
		RCU_INIT_POINTER(parser->ops, NULL);
		parser_put_locked(parser);
	}
	spin_unlock_bh(&parsers_lock);
}

static int parser_update(void *kdata, void *old_kdata, struct bpf_link *link)
{
	struct libra_parser_ops *ops = kdata, *old = old_kdata;
	struct libra_parser *parser;
	int err = 0;

	/* Streams and policies mean the name, so a link keeps its name */
	if (strcmp(ops->name, old->name))
		return -EINVAL;

	spin_lock_bh(&parsers_lock);
	parser = parser_find(ops->name);
	if (parser && parser_ops(parser) == old)
		parser_set_ops(parser, ops);
	else
		err = -ENOENT;
	spin_unlock_bh(&parsers_lock);
	return err;
}

static bool parser_name_good(const char *name)
{
	size_t i, length = strnlen(name, LIBRA_NAME_MAX);

	if (!length || length == LIBRA_NAME_MAX)
		return false;
	/* It becomes a file name in bpffs, which knows no '.' */
	for (i = 0; i < length; i++)
		if (!isascii(name[i]) ||
		    (!isalnum(name[i]) && name[i] != '_' && name[i] != '-'))
			return false;
	return true;
}

static int parser_validate(void *kdata)
{
	struct libra_parser_ops *ops = kdata;

	return ops->parse && parser_name_good(ops->name) ? 0 : -EINVAL;
}

static int parser_init_member(const struct btf_type *type,
			      const struct btf_member *member,
			      void *kdata, const void *udata)
{
	const struct libra_parser_ops *from = udata;
	struct libra_parser_ops *to = kdata;

	/* struct_ops copies functions only; 1 says that this one is done */
	switch (__btf_member_bit_offset(type, member) / 8) {
	case offsetof(struct libra_parser_ops, state_version):
		to->state_version = from->state_version;
		return 1;
	case offsetof(struct libra_parser_ops, name):
		memcpy(to->name, from->name, sizeof(to->name));
		return 1;
	}
	return 0;
}

/* struct_ops: what the verifier asks */

/* What a pointer points to; no modifiers stand between the types in question */
static const struct btf_type *parser_btf_target(u32 id)
{
	const struct btf_type *type = btf_type_by_id(parser_btf, id);

	if (!type || !btf_type_is_ptr(type))
		return NULL;
	return btf_type_by_id(parser_btf, type->type);
}

/*
 * Finds struct libra_frame as the argument of parse(): there is no exported
 * search by name, and BTF_ID_LIST() is not relocated with distilled base BTF.
 */
static const struct btf_type *parser_frame_type(const struct btf_member *member)
{
	const struct btf_type *parse = parser_btf_target(member->type), *frame;

	if (!parse || !btf_type_is_func_proto(parse) || !btf_type_vlen(parse))
		return NULL;
	frame = parser_btf_target(btf_params(parse)[0].type);
	return frame && btf_type_is_struct(frame) ? frame : NULL;
}

static int parser_check_member(const struct btf_type *type,
			       const struct btf_member *member,
			       const struct bpf_prog *prog)
{
	const struct btf_type *frame = parser_frame_type(member);

	/* Parsers run with spinlocks held */
	if (prog->sleepable || !frame)
		return -EINVAL;
	WRITE_ONCE(frame_type, frame);
	return 0;
}

static bool parser_is_valid_access(int off, int size, enum bpf_access_type type,
				   const struct bpf_prog *prog,
				   struct bpf_insn_access_aux *info)
{
	return bpf_tracing_btf_ctx_access(off, size, type, prog, info);
}

static int parser_struct_access(struct bpf_verifier_log *log,
				const struct bpf_reg_state *reg, int off,
				int size)
{
	const struct btf_type *type = btf_type_by_id(reg->btf, reg->btf_id);

	if (!type || type != READ_ONCE(frame_type)) {
		bpf_log(log, "libra: only the frame can be written\n");
		return -EACCES;
	}
	if (off < (int)offsetof(struct libra_frame, meta_len) ||
	    off + size > (int)sizeof(struct libra_frame)) {
		bpf_log(log, "libra: avail, side and exchange are read-only\n");
		return -EACCES;
	}
	return NOT_INIT;
}

static const struct bpf_verifier_ops parser_verifier_ops = {
	.get_func_proto = bpf_base_func_proto,
	.is_valid_access = parser_is_valid_access,
	.btf_struct_access = parser_struct_access,
};

static int parser_btf_init(struct btf *btf)
{
	parser_btf = btf;
	return 0;
}

/* Never called: gives trampolines their type (kCFI), and BTF the arguments */
static int libra_parser_ops__parse(struct libra_frame *frame)
{
	return LIBRA_GIVE_UP;
}

static struct libra_parser_ops parser_stubs = {
	.parse = libra_parser_ops__parse,
};

static struct bpf_struct_ops parser_struct_ops = {
	.verifier_ops = &parser_verifier_ops,
	.init = parser_btf_init,
	.check_member = parser_check_member,
	.init_member = parser_init_member,
	.reg = parser_reg,
	.unreg = parser_unreg,
	.update = parser_update,
	.validate = parser_validate,
	.cfi_stubs = &parser_stubs,
	.owner = THIS_MODULE,
	.name = "libra_parser_ops",
};

/* Nothing to undo: registrations belong to the module's BTF and go with it */
int libra_parser_init(void)
{
	int err;

	err = libra_kfuncs_init();
	if (!err)
		err = register_bpf_struct_ops(&parser_struct_ops,
					      libra_parser_ops);
	if (err) {
		pr_err("cannot register parsers with BPF: %d\n", err);
		return err;
	}

	/*
	 * Without BTF both of the above only warn, and no parser could ever be
	 * loaded. Not -ENOENT, which insmod calls an unknown symbol.
	 */
	if (!parser_btf) {
		pr_err("the module was built without BTF, which parsers need: install dwarves and headers that ship vmlinux, then build again\n");
		return -EOPNOTSUPP;
	}
	return 0;
}
