//! Takes the place of the crate of this name when the tests of a published crate are compiled: what they start is a
//! process of `psyche-cli localnet` on free ports, stopped when the value is dropped.
//!
//! Settings of the genesis block that the local validator does not have (fees, epochs, features, programs from files) are
//! accepted and ignored; a test that depends on one fails, and the table gives the reason. Rent is set by
//! `localnet_setAccount`.
use {
    solana_keypair::Keypair,
    solana_pubkey::Pubkey,
    solana_rpc_client::{nonblocking, rpc_client::RpcClient},
    solana_signer::Signer,
    std::{
        env,
        error::Error,
        io::{BufRead, BufReader, Read, Write},
        net::{SocketAddr, TcpStream},
        path::PathBuf,
        process::{Child, Command, Stdio},
    },
};

/// The Python interpreter in which psyche-cli is installed.
const PYTHON: &str = "PSYCHE_CLI_PYTHON";

/// The account of the sysvar Rent with one lamport per byte and year, and an exemption after one year.
const LOW_RENT: &str = concat!(
    r#"["SysvarRent111111111111111111111111111111111",{"lamports":1009200,"executable":false,"rentEpoch":0,"#,
    r#""owner":"Sysvar1111111111111111111111111111111111111","data":["AQAAAAAAAAAAAAAAAADwPzI=","base64"]}]"#
);

/// A program that a test wants in the genesis block.
#[derive(Clone)]
pub struct UpgradeableProgramInfo {
    pub program_id: Pubkey,
    pub loader: Pubkey,
    pub upgrade_authority: Pubkey,
    pub program_path: PathBuf,
}

/// The settings of a validator to be started.
#[derive(Default)]
pub struct TestValidatorGenesis {
    warp_slot: Option<u64>,
    low_rent: bool,
}

impl TestValidatorGenesis {
    pub fn default_for_tests() -> Self {
        Self::default()
    }

    pub fn warp_slot(&mut self, slot: u64) -> &mut Self {
        self.warp_slot = Some(slot);
        self
    }

    pub fn fee_rate_governor<T>(&mut self, _: T) -> &mut Self {
        self
    }

    /// All tests ask for the same low rent: see `LOW_RENT`.
    pub fn rent<T>(&mut self, _: T) -> &mut Self {
        self.low_rent = true;
        self
    }

    pub fn epoch_schedule<T>(&mut self, _: T) -> &mut Self {
        self
    }

    pub fn faucet_addr<T>(&mut self, _: T) -> &mut Self {
        self
    }

    pub fn rpc_config<T>(&mut self, _: T) -> &mut Self {
        self
    }

    pub fn deactivate_features<T: ?Sized>(&mut self, _: &T) -> &mut Self {
        self
    }

    pub fn add_upgradeable_programs_with_path(&mut self, _: &[UpgradeableProgramInfo]) -> &mut Self {
        self
    }

    /// Start a validator whose genesis block funds the address.
    pub fn start_with_mint_address<S>(&self, mint: Pubkey, _: S) -> Result<TestValidator, Box<dyn Error>> {
        TestValidator::start(mint, self.warp_slot, self.low_rent)
    }

    /// Start a validator and return it with the key that its genesis block funds.
    pub async fn start_async(&self) -> (TestValidator, Keypair) {
        let mint = Keypair::new();
        let validator =
            TestValidator::start(mint.pubkey(), self.warp_slot, self.low_rent).expect("the local validator starts");
        (validator, mint)
    }
}

/// A running process of the local validator.
pub struct TestValidator {
    process: Child,
    rpc_port: u16,
}

impl TestValidator {
    pub fn with_no_fees<S>(mint: Pubkey, _: Option<SocketAddr>, _: S) -> Self {
        Self::start(mint, None, true).expect("the local validator starts")
    }

    pub fn with_custom_fees<S>(mint: Pubkey, _: u64, _: Option<SocketAddr>, _: S) -> Self {
        Self::start(mint, None, true).expect("the local validator starts")
    }

    fn start(mint: Pubkey, warp_slot: Option<u64>, low_rent: bool) -> Result<Self, Box<dyn Error>> {
        let python = env::var(PYTHON).map_err(|_| format!("{PYTHON} is not set"))?;
        let mut command = Command::new(python);
        command.args(["-m", "psyche_cli", "localnet", "--quiet", "--rpc-port", "0", "--output", "json"]);
        command.args(["--mint", &mint.to_string()]);
        if let Some(slot) = warp_slot {
            command.args(["--warp-slot", &slot.to_string()]);
        }
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("stdout is a pipe")).read_line(&mut line)?;
        match text_after(&line, "\"rpc_url\":\"http://127.0.0.1:").and_then(|port| port.parse().ok()) {
            Some(rpc_port) => {
                let validator = Self { process, rpc_port };
                if low_rent {
                    let answer = validator.call("localnet_setAccount", LOW_RENT);
                    assert!(answer.contains("\"result\""), "{answer}");
                }
                Ok(validator)
            }
            None => {
                let status = process.wait()?;
                Err(format!("psyche-cli localnet ended with {status}: {line}").into())
            }
        }
    }

    pub fn rpc_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.rpc_port)
    }

    pub fn rpc_pubsub_url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.rpc_port + 1)
    }

    pub fn get_rpc_client(&self) -> RpcClient {
        RpcClient::new_with_commitment(self.rpc_url(), Default::default())
    }

    pub fn get_async_rpc_client(&self) -> nonblocking::rpc_client::RpcClient {
        nonblocking::rpc_client::RpcClient::new_with_commitment(
            self.rpc_url(),
            solana_commitment_config::CommitmentConfig::processed(),
        )
    }

    /// The vote account of the only validator, as `getVoteAccounts` reports it.
    pub fn vote_account_address(&self) -> Pubkey {
        let answer = self.call("getVoteAccounts", "[]");
        let address = text_after(&answer, "\"votePubkey\":\"").expect("getVoteAccounts lists a vote account");
        address.parse().expect("the vote account is an address")
    }

    /// The response to a request.
    fn call(&self, method: &str, params: &str) -> String {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
        let mut socket = TcpStream::connect(("127.0.0.1", self.rpc_port)).expect("the local validator listens");
        let head = format!(
            "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        socket.write_all((head + &body).as_bytes()).expect("the request is sent");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("the response is text");
        answer
    }
}

impl Drop for TestValidator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The text between a prefix and the next quotation mark.
fn text_after<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let start = text.find(prefix)? + prefix.len();
    let length = text[start..].find('"')?;
    Some(&text[start..start + length])
}
