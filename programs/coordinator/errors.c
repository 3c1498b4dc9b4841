#include "coordinator/errors.h"

const Error UPDATE_CONFIG_FINISHED = {6000, "UpdateConfigFinished", "Cannot update config of finished run"};
const Error UPDATE_CONFIG_NOT_HALTED = {6001, "UpdateConfigNotHalted", "Cannot update config when not halted"};
const Error COORDINATOR_ACCOUNT_INCORRECT_SIZE = {6002, "CoordinatorAccountIncorrectSize",
    "Coordinator account incorrect size"};
const Error CLIENTS_FULL = {6003, "ClientsFull", "Clients list full"};
const Error CONFIG_SANITY_CHECK_FAILED = {6004, "ConfigSanityCheckFailed", "Config sanity check failed"};
const Error MODEL_SANITY_CHECK_FAILED = {6005, "ModelSanityCheckFailed", "Model sanity check failed"};
const Error PROGRESS_SANITY_CHECK_FAILED = {6006, "ProgressSanityCheckFailed", "Progress sanity check failed"};
const Error SIGNER_NOT_A_CLIENT = {6007, "SignerNotAClient", "Signer not a client"};
const Error SIGNER_MISMATCH = {6008, "SignerMismatch", "Signer mismatch"};
const Error CLOSE_COORDINATOR_NOT_HALTED = {6009, "CloseCoordinatorNotHalted",
    "Cannot close coordinator account when not halted"};
const Error NO_ACTIVE_ROUND = {6010, "CoordinatorErrorNoActiveRound", "Coordinator error: No active round"};
const Error INVALID_WITNESS = {6011, "CoordinatorErrorInvalidWitness", "Coordinator error: Invalid witness"};
const Error INVALID_RUN_STATE = {6012, "CoordinatorErrorInvalidRunState", "Coordinator error: Invalid run state"};
const Error DUPLICATE_WITNESS = {6013, "CoordinatorErrorDuplicateWitness", "Coordinator error: Duplicate witness"};
const Error INVALID_HEALTH_CHECK = {6014, "CoordinatorErrorInvalidHealthCheck",
    "Coordinator error: Invalid health check"};
const Error HALTED = {6015, "CoordinatorErrorHalted", "Coordinator error: Halted"};
const Error WITNESSES_FULL = {6017, "CoordinatorErrorWitnessesFull", "Coordinator error: Witnesses full"};
const Error CANNOT_RESUME = {6018, "CoordinatorErrorCannotResume", "Coordinator error: Cannot resume"};
const Error INVALID_COMMITTEE_SELECTION = {6020, "CoordinatorErrorInvalidCommitteeSelection",
    "Coordinator error: Invalid committee selection"};
const Error INVALID_COMMITTEE_PROOF = {6021, "CoordinatorErrorInvalidCommitteeProof",
    "Coordinator error: Invalid committee proof"};
const Error MORE_CLIENTS_THAN_BATCHES = {6022, "MoreClientsThanBatches",
    "There are more clients than total number of batches to assign"};
