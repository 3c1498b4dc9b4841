/* The instructions that the Anchor framework adds to every program. They store the program's IDL on-chain, in an
   account at an address derived from the program id. Their discriminator is the same in all programs. */
#pragma once
#include "sdk/accounts.h"
#include "sdk/borsh.h"

#define IDL_INSTRUCTION DISCRIMINATOR(0x40, 0xf4, 0xbc, 0x78, 0xa7, 0xe9, 0x69, 0x0a)
/* An event in the form of an instruction, which programs built without that feature reject. */
#define EVENT_INSTRUCTION DISCRIMINATOR(0xe4, 0x45, 0xa5, 0x2e, 0x51, 0xcb, 0x9a, 0x1d)

/* Executes one of these instructions: create, create buffer, write, set buffer, set authority, close, resize. */
Status idl_instruction(Invocation *invocation, Reader *arguments);
