//! Compiles the protocol with protox, so that no protoc has to be installed.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto/amphi.proto");
    let descriptors = protox::compile(["proto/amphi.proto"], ["proto"])?;
    // Without transport: its constructor `connect` would collide with the call of that name. `AgentsClient::new(channel)` does.
    tonic_prost_build::configure().build_transport(false).compile_fds(descriptors)?;
    Ok(())
}
