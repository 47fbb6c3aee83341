using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Gateway.UnitTests.Remote;

/// <summary>A server on a real socket with one model <c>m</c>, whose output <c>y</c> is its input <c>x</c>, or whatever a test has it answer.</summary>
internal sealed class FakeUpstream : IAsyncDisposable
{
    private readonly WebApplication _app;

    private FakeUpstream(WebApplication app) => _app = app;

    public Uri Address => new(_app.Urls.Single());

    /// <summary>Answers a batch instead of the echo; is given the request's head and its tensors.</summary>
    public Func<HttpContext, JsonElement, byte[], Task>? Infer { get; set; }

    public string Metadata { get; set; } = "";

    /// <summary>Null for a server that shows no configuration.</summary>
    public string? Config { get; set; }

    /// <summary>The status of the metadata.</summary>
    public int Status { get; set; } = 200;

    /// <summary>The heads of all batches that came, with their <c>Authorization</c>.</summary>
    public ConcurrentQueue<(JsonElement Head, string Authorization)> Batches { get; } = [];

    public static async Task<FakeUpstream> StartAsync(string type = "INT64", string shape = "[-1,1]", int? maxBatchSize = 8, int port = 0, X509Certificate2? certificate = null)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port, listen =>
        {
            if (certificate is not null) listen.UseHttps(certificate);
        }));
        WebApplication app = builder.Build();
        FakeUpstream upstream = new(app)
        {
            Metadata = $$"""
                {"name":"m","versions":["1"],"platform":"x","inputs":[{"name":"x","datatype":"{{type}}","shape":{{shape}}}],"outputs":[{"name":"y","datatype":"{{type}}","shape":{{shape}}}]}
                """,
            Config = maxBatchSize is { } most ? $$"""{"name":"m","max_batch_size":{{most.ToString(CultureInfo.InvariantCulture)}} }""" : null,
        };
        app.Run(upstream.AnswerAsync);
        await app.StartAsync();
        return upstream;
    }

    /// <summary>Answers with one output in binary form.</summary>
    public static Task WriteAsync(HttpContext context, string type, string shape, byte[] tensor, string name = "y", string version = "1")
    {
        byte[] head = Encoding.UTF8.GetBytes(
            $$"""{"model_name":"m","model_version":"{{version}}","outputs":[{"name":"{{name}}","datatype":"{{type}}","shape":{{shape}},"parameters":{"binary_data_size":{{tensor.Length}} } }]}""");
        context.Response.Headers["Inference-Header-Content-Length"] = head.Length.ToString(CultureInfo.InvariantCulture);
        return WriteAsync(context, [.. head, .. tensor]);
    }

    public static async Task WriteAsync(HttpContext context, byte[] body)
    {
        context.Response.ContentLength = body.Length;
        await context.Response.Body.WriteAsync(body);
    }

    public async ValueTask DisposeAsync()
    {
        // At once: answers that never come are not waited for.
        using CancellationTokenSource now = new();
        await now.CancelAsync();
        await _app.StopAsync(now.Token);
        await _app.DisposeAsync();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        switch (context.Request.Path.Value)
        {
            case "/v2/models/m" when Status == 200:
                await context.Response.WriteAsync(Metadata);
                break;
            case "/v2/models/m/config" when Config is not null:
                await context.Response.WriteAsync(Config);
                break;
            case "/v2/models/m/infer":
                await InferAsync(context);
                break;
            default:
                context.Response.StatusCode = Status == 200 ? 404 : Status;
                await context.Response.WriteAsync("""{"error":"not here"}""");
                break;
        }
    }

    private async Task InferAsync(HttpContext context)
    {
        using MemoryStream body = new();
        await context.Request.Body.CopyToAsync(body);
        int headLength = int.Parse(context.Request.Headers["Inference-Header-Content-Length"]!, CultureInfo.InvariantCulture);
        using JsonDocument json = JsonDocument.Parse(body.ToArray().AsMemory(0, headLength));
        JsonElement head = json.RootElement.Clone();
        byte[] tensors = body.ToArray()[headLength..];
        Batches.Enqueue((head, context.Request.Headers.Authorization.ToString()));
        if (Infer is { } other)
        {
            await other(context, head, tensors);
            return;
        }

        JsonElement input = head.GetProperty("inputs")[0];
        Assert.Equal(input.GetProperty("parameters").GetProperty("binary_data_size").GetInt32(), tensors.Length);
        await WriteAsync(context, input.GetProperty("datatype").GetString()!, input.GetProperty("shape").GetRawText(), tensors);
    }
}
