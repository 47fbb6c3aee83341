using System.CommandLine;

namespace Gateway.Load.CommandLine;

/// <summary>The options, with what <c>--help</c> says of each. Values stay text where a mistake should be told in our own words.</summary>
internal static class LoadOptions
{
    public static readonly Argument<string?> Target = new("target") { Description = "The server: http://localhost:8000, frames://localhost:8003, grpc://localhost:8001, with TLS https://, tls://, grpcs://, or the whole address of a plain target.", Arity = ArgumentArity.ZeroOrOne };

    // What is asked.
    public static readonly Option<string> Model = Text("--model", "NAME", "The model to ask. Without one the target is a plain HTTP address.");
    public static readonly Option<string> Version = Text("--model-version", "VERSION", "Its version; the server's choice without.");
    public static readonly Option<string> Carrier = Text("--carrier", "NAME", "http-binary, http-json, msgpack-http, frames, grpc, http. Default: what the address means. capacity takes several, with commas.");
    public static readonly Option<int> Rows = new("--rows") { HelpName = "N", Description = "Rows of each request.", DefaultValueFactory = _ => 1 };
    public static readonly Option<string[]> Shape = Texts("--shape", "INPUT:D,D,…", "The whole shape of an input, where the model leaves dimensions free.");
    public static readonly Option<string[]> Range = Texts("--range", "[INPUT:]LEAST:MOST", "Random numbers between two. Default: 0:1 for floats, 0:100 for whole numbers.");
    public static readonly Option<int> Distinct = new("--distinct") { HelpName = "N", Description = "Different payloads.", DefaultValueFactory = _ => 64 };
    public static readonly Option<double> Zipf = new("--zipf") { HelpName = "S", Description = "Popularity of payloads: the k-th in proportion to k^-S. Default: all the same." };
    public static readonly Option<string[]> Payload = Texts("--payload", "FILE", "A request as JSON; of a plain target any bytes, which are posted. May come several times.");
    public static readonly Option<string> Replay = Text("--replay", "FILE", "Recorded arrivals: a line {\"at\": seconds, \"inputs\": […]} for each; without inputs, payloads are made.");
    public static readonly Option<string> Method = Text("--method", "NAME", "Of a plain target's requests. Default: GET, or POST with --payload.");
    public static readonly Option<string[]> Header = Texts("--header", "NAME: VALUE", "One more HTTP header, or of gRPC's metadata.");
    public static readonly Option<string> Token = Text("--token", "TOKEN", "The server's access token.");
    public static readonly Option<bool> Insecure = new("--insecure") { Description = "With TLS: take any certificate." };

    // How much of it.
    public static readonly Option<double> Rate = new("--rate") { HelpName = "N", Description = "Open model: calls a second, whatever becomes of those before." };
    public static readonly Option<int> Concurrency = new("--concurrency") { HelpName = "N", Description = "Closed model: so many callers, each of which waits for its answer." };
    public static readonly Option<string> Duration = Text("--duration", "TIME", "How long it counts. Default: 30s.");
    public static readonly Option<string> WarmUp = Text("--warm-up", "TIME", "How long before that; not counted. Default: 2s.");
    public static readonly Option<string> Arrivals = Text("--arrivals", "KIND", "poisson, constant, burst:N. Default: poisson.");
    public static readonly Option<double> TimeoutMs = new("--timeout-ms") { HelpName = "MS", Description = "Deadline of each call: sent to the server, and what goodput counts." };
    public static readonly Option<string> Patience = Text("--request-timeout", "TIME", "When a call without an answer is given up. Default: 30s.");
    public static readonly Option<int> Retries = new("--retries") { HelpName = "N", Description = "More attempts for calls that are refused, when the server says." };
    public static readonly Option<double> RetryBudget = new("--retry-budget") { HelpName = "SHARE", Description = "Most retries, as a share of the calls.", DefaultValueFactory = _ => 0.1 };
    public static readonly Option<int> Connections = new("--connections") { HelpName = "N", Description = "Connections. Default: 64; of frames and gRPC 4; of capacity and tune as many as the server does more with." };
    public static readonly Option<int> Window = new("--window") { HelpName = "N", Description = "Calls in flight on a connection of frames or gRPC.", DefaultValueFactory = _ => Scenarios.ScenarioPlan.DefaultWindow };
    public static readonly Option<int> Threads = new("--threads") { HelpName = "N", Description = "Threads of the client: one a core.", DefaultValueFactory = _ => 1 };
    public static readonly Option<int> Seed = new("--seed") { HelpName = "N", Description = "Of everything random: the same seed, the same load.", DefaultValueFactory = _ => 1 };
    public static readonly Option<int> PayloadSeed = new("--payload-seed") { HelpName = "N", Description = "Of the payloads themselves: processes that share one ask for the same things.", DefaultValueFactory = _ => 1 };

    public static readonly Option<string> StartAt = Text("--start-at", "TIME", "When the load begins, as 2026-11-27T12:00:00Z: several processes that are told the same time begin together. Default: when all is ready.");

    // What must come of it.
    public static readonly Option<string> Scenario = Text("--scenario", "FILE", "Scenarios from a file instead (load/README.md).");
    public static readonly Option<string[]> Threshold = Texts("--threshold", "TEXT", "What must hold, else the exit code is 1: \"p99 < 50ms\", \"errors < 0.1%\"; with \"or stop\" the run ends once it cannot.");
    public static readonly Option<bool> Verify = new("--verify") { Description = "Compare every answer with the first for the same payload, and with the model's metadata." };
    public static readonly Option<double> Tolerance = new("--tolerance") { HelpName = "X", Description = "Of floating-point outputs, relative.", DefaultValueFactory = _ => Scenarios.ScenarioPlan.DefaultTolerance };
    public static readonly Option<string> Metrics = Text("--metrics", "URL", "The server's metrics. Default: port 8002 of its host, where something answers there; none to do without.");
    public static readonly Option<bool> Accept = new("--accept-client-limit") { Description = "Report though the client could not offer the load." };
    public static readonly Option<bool> SkipProof = new("--skip-proof") { Description = "Do not try the client out first." };
    public static readonly Option<string> Report = Text("--report", "PATH", "Reports are PATH.html, .json, .csv and .md. Default: load-report; none for none.");

    // Of capacity.
    public static readonly Option<string> SloP99 = Text("--slo-p99", "TIME", "The objective: 99 % of the calls within this time.");
    public static readonly Option<string> Slo = Text("--slo", "TEXT", "An objective of another percentile, such as \"p99.9 < 20ms\".");
    public static readonly Option<string> Trial = Text("--trial", "TIME", "How long one rate is tried. Default: 5s.");
    public static readonly Option<int> Repeats = new("--repeats") { HelpName = "N", Description = "How often the rate is searched for.", DefaultValueFactory = _ => 3 };

    public static readonly Option<double> ForRate = new("--for-rate") { HelpName = "N", Description = "Say how many machines like this one carry so many calls a second." };
    public static readonly Option<string> Headroom = Text("--headroom", "SHARE", "Of --for-rate: how much of each machine's knee stays free. Default: 20%.");
    public static readonly Option<double> ServerCores = new("--server-cores") { HelpName = "N", Description = "Cores that the server may use. Default: on this machine, what the client leaves of it; else not known." };

    // Of tune.
    public static readonly Option<string> Repository = Text("--model-repository", "DIR", "The repository with the model; nothing in it is changed.");
    public static readonly Option<string> Gateway = Text("--gateway", "PATH", "The gateway's program. Default: gateway beside this one, else what is built in src/Gateway.");
    public static readonly Option<string> QueueDelays = Text("--queue-delays", "µS,…", "max_queue_delay_microseconds. Default: 0,500,2000.");
    public static readonly Option<string> BatchSizes = Text("--batch-sizes", "N,…", "max_batch_size. Default: the model's own.");
    public static readonly Option<string> Instances = Text("--instances", "N,…", "Instances of the model. Default: 1.");
    public static readonly Option<string> IntraThreads = Text("--model-threads", "N,…", "Threads of each run (intra_op_thread_count). Default: the gateway's choice.");

    public static IReadOnlyList<Option> Common { get; } =
        [Model, Version, Carrier, Rows, Shape, Range, Distinct, Zipf, Payload, Method, Header, Token, Insecure, TimeoutMs, Patience, Connections, Window, Threads, Seed, PayloadSeed, Metrics, Accept, SkipProof, Report];

    public static IReadOnlyList<Option> OfRun { get; } = [Rate, Concurrency, Duration, WarmUp, StartAt, Arrivals, Replay, Retries, RetryBudget, Verify, Tolerance, Threshold, Scenario];

    public static IReadOnlyList<Option> OfCapacity { get; } = [SloP99, Slo, Trial, Repeats, ForRate, Headroom, ServerCores];

    public static IReadOnlyList<Option> OfTune { get; } = [Repository, Gateway, QueueDelays, BatchSizes, Instances, IntraThreads, Rate, Duration, SloP99];

    private static Option<string> Text(string name, string placeholder, string description) => new(name) { HelpName = placeholder, Description = description };

    private static Option<string[]> Texts(string name, string placeholder, string description) => new(name) { HelpName = placeholder, Description = description, AllowMultipleArgumentsPerToken = false };
}
