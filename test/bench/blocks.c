// SPDX-License-Identifier: GPL-2.0
// A plugin of QEMU's TCG: how often each block of instructions ran, for scripts/bench --profile. At
// the end each line of the file that `out=` names has a block's address (hexadecimal), its
// instructions, and how often it began.
//
// qemu-plugin.h is in no package of Debian: this is the part of it that is used (API version 1,
// docs/devel/tcg-plugins.rst of QEMU).
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))
#define INLINE_ADD_U64 0

typedef uint64_t plugin_id;
struct qemu_plugin_tb;

extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id,
                                                  void (*translated)(plugin_id,
                                                                     struct qemu_plugin_tb*));
extern void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb* tb, int op, void* ptr,
                                                     uint64_t imm);
extern void qemu_plugin_register_atexit_cb(plugin_id id, void (*ended)(plugin_id, void*),
                                           void* data);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb* tb);
extern uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb* tb);

EXPORT int qemu_plugin_version = 1;

// A guest that runs nginx and its like has some 200,000 blocks.
#define BLOCKS (1U << 21)

struct block {
    uint64_t address;
    uint64_t instructions; // 0: unused
    uint64_t begun;
};

static struct block blocks[BLOCKS];
static char out[4096];

// One address may begin several blocks: they end at a page's end, say, or did so once.
static struct block* find(uint64_t address, uint64_t instructions) {
    uint64_t at = (address + instructions) * 0x9e3779b97f4a7c15ULL >> 43;

    for (uint32_t tries = 0; tries < BLOCKS; tries++, at = (at + 1) % BLOCKS) {
        struct block* block = &blocks[at];

        if (block->instructions == 0) {
            block->address = address;
            block->instructions = instructions;
        }
        if (block->address == address && block->instructions == instructions)
            return block;
    }
    fprintf(stderr, "libra-blocks: more than %u blocks\n", BLOCKS);
    exit(1);
}

// One processor, scripts/vm --icount: nothing else counts meanwhile.
static void translated(plugin_id id, struct qemu_plugin_tb* tb) {
    struct block* block = find(qemu_plugin_tb_vaddr(tb), qemu_plugin_tb_n_insns(tb));

    (void)id;
    qemu_plugin_register_vcpu_tb_exec_inline(tb, INLINE_ADD_U64, &block->begun, 1);
}

static void ended(plugin_id id, void* data) {
    FILE* file = fopen(out, "w");

    (void)id;
    (void)data;
    if (file == NULL) {
        perror(out);
        return;
    }
    for (uint32_t i = 0; i < BLOCKS; i++) {
        if (blocks[i].begun != 0)
            fprintf(file, "%" PRIx64 " %" PRIu64 " %" PRIu64 "\n", blocks[i].address,
                    blocks[i].instructions, blocks[i].begun);
    }
    if (fclose(file) != 0)
        perror(out);
}

EXPORT int qemu_plugin_install(plugin_id id, const void* info, int argc, char** argv) {
    (void)info;
    if (argc != 1 || strncmp(argv[0], "out=", 4) != 0 || strlen(argv[0]) >= sizeof(out)) {
        fprintf(stderr, "libra-blocks: out=FILE is needed\n");
        return -1;
    }
    strcpy(out, argv[0] + 4);
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, ended, NULL);
    return 0;
}
