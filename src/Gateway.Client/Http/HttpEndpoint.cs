using System.Net.Http.Headers;
using Gateway.Client.Calls;
using Gateway.Client.Endpoints;

namespace Gateway.Client.Http;

/// <summary>A server of HTTP.</summary>
/// <remarks><b>Behaviour</b>: as many connections as there are calls at once, kept by the framework's handler. After a failed call it is not ready for a growing time.</remarks>
internal sealed class HttpEndpoint : Endpoint
{
    private readonly Lock _lock = new();
    private readonly InferenceClientOptions _options;
    private readonly BackOff _backOff;
    private readonly CancellationTokenSource _closing = new();
    private long _readyAt = long.MinValue;
    private int _load;

    public HttpEndpoint(EndpointAddress address, InferenceClientOptions options)
    {
        Address = address;
        _options = options;
        _backOff = new BackOff(options.ReconnectDelay, options.MaxReconnectDelay);
        SocketsHttpHandler handler = new() { ConnectTimeout = options.ConnectTimeout, UseCookies = false, AllowAutoRedirect = false };
        if (address.Http!.Scheme == "https") options.ConfigureTls?.Invoke(handler.SslOptions);
        Client = new HttpClient(handler)
        {
            BaseAddress = address.Http,
            Timeout = Timeout.InfiniteTimeSpan,
        };
        if (options.AccessToken is { } token) Client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        if (options.Tenant is { } tenant) Client.DefaultRequestHeaders.Add("Inference-Tenant", tenant);
        Client.DefaultRequestHeaders.Accept.ParseAdd(HttpExchange.ContentType);
        Client.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue(new ProductHeaderValue("Gateway.Client")));
    }

    public EndpointAddress Address { get; }

    public HttpClient Client { get; }

    public InferenceClientOptions Options => _options;

    public bool IsDisposed => _closing.IsCancellationRequested;

    public override bool IsReady => Volatile.Read(ref _readyAt) <= _options.TimeProvider.GetTimestamp();

    public override int Load => Volatile.Read(ref _load);

    public override void Start()
    {
        // Connections are made as calls need them.
    }

    public override void Submit(PendingCall call)
    {
        call.Endpoint = this;
        if (_closing.IsCancellationRequested)
        {
            call.OnFailed(CallFailure.Disposed());
            return;
        }

        Interlocked.Increment(ref _load);
        new HttpExchange(this, call, _closing.Token).Start();
    }

    /// <summary>An exchange is over.</summary>
    /// <param name="isBroken">Whether there was no answer, for the endpoint's fault.</param>
    public void OnEnded(bool isBroken)
    {
        Interlocked.Decrement(ref _load);
        if (!isBroken && Volatile.Read(ref _readyAt) == long.MinValue) return;
        lock (_lock)
        {
            if (isBroken)
            {
                TimeSpan pause = _backOff.Fail(Random.Shared.NextDouble());
                _readyAt = _options.TimeProvider.GetTimestamp() + (long)(pause.TotalSeconds * _options.TimeProvider.TimestampFrequency);
            }
            else
            {
                _backOff.Succeed();
                _readyAt = long.MinValue;
            }
        }
    }

    public override async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync().ConfigureAwait(false);
        Client.Dispose();
    }
}
