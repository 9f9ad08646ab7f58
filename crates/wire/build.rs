//! Compiles the protocol with protox, so that no protoc has to be installed.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto");
    let descriptors = protox::compile(["proto/amphi.proto", "proto/store.proto"], ["proto"])?;
    // Without transport: its constructor `connect` would collide with the call of that name. `AgentsClient::new(channel)` does.
    // A program's source is shared by all that run it at the same time.
    // Units are handed on without copying them.
    let shared = [
        ".amphi.agent.v1.SourceFile.data",
        ".amphi.agent.v1.Program.stdin",
        ".amphi.store.v1.Unit.data",
        ".amphi.store.v1.Piece.data",
    ];
    let build = shared.into_iter().fold(tonic_prost_build::configure(), |build, field| build.bytes(field));
    build.build_transport(false).compile_fds(descriptors)?;
    Ok(())
}
