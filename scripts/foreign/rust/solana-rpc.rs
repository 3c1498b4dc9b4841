//! Takes the place of the crate of this name, of which the tests use only the configuration of a validator.
pub mod rpc {
    /// Accepted by `TestValidatorGenesis::rpc_config`, which ignores it.
    #[derive(Default)]
    pub struct JsonRpcConfig {
        pub enable_rpc_transaction_history: bool,
        pub faucet_addr: Option<std::net::SocketAddr>,
    }

    impl JsonRpcConfig {
        pub fn default_for_test() -> Self {
            Self::default()
        }
    }
}
