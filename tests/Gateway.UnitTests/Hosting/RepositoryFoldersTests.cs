using Gateway.Server.Hosting;

namespace Gateway.UnitTests.Hosting;

public sealed class RepositoryFoldersTests : IDisposable
{
    private readonly string _current = Directory.CreateTempSubdirectory("current").FullName;
    private readonly string _program = Directory.CreateTempSubdirectory("program").FullName;

    public void Dispose()
    {
        Directory.Delete(_current, recursive: true);
        Directory.Delete(_program, recursive: true);
    }

    [Fact]
    public void Resolve_NothingGiven_LooksHereThenBesideTheProgram()
    {
        string beside = MakeModel(_program, ServerOptions.DefaultRepository);
        Assert.Equal([beside], RepositoryFolders.Resolve([], _current, _program));

        string here = MakeModel(_current, ServerOptions.DefaultRepository);
        Assert.Equal([here], RepositoryFolders.Resolve([], _current, _program));
    }

    [Fact]
    public void Resolve_NothingAnywhere_NamesBothPlacesAndTheFlag()
    {
        StartupException error = Assert.Throws<StartupException>(() => RepositoryFolders.Resolve([], _current, _program));

        Assert.Equal(
            $"no model repository: neither {_current}/config/model-repository nor {_program}/config/model-repository is there (say where it is with --model-repository)",
            error.Message);
    }

    [Fact]
    public void Resolve_RelativePath_StartsFromTheCurrentFolder()
    {
        string models = MakeModel(_current, "models");

        Assert.Equal([models], RepositoryFolders.Resolve(["models/"], _current, _program));
    }

    [Fact]
    public void Resolve_MissingFolder_SaysSo() => AssertFails(["gone"], "gone: there is no such folder");

    [Fact]
    public void Resolve_File_SaysSo()
    {
        File.WriteAllText(Path.Combine(_current, "file"), "");

        AssertFails(["file"], "file: is a file, not a folder");
    }

    [Fact]
    public void Resolve_FolderWithoutModels_SaysSo()
    {
        Directory.CreateDirectory(Path.Combine(_current, "empty", ".git"));

        AssertFails(["empty"], "empty: there is no model in it (a model is a folder with a version folder in it, such as digits/1/model.onnx)");
    }

    [Fact]
    public void Resolve_SameFolderTwice_SaysSo()
    {
        MakeModel(_current, "models");

        AssertFails(["models", "./models/"], "models: given twice");
    }

    private void AssertFails(IReadOnlyList<string> given, string expected)
    {
        StartupException error = Assert.Throws<StartupException>(() => RepositoryFolders.Resolve(given, _current, _program));
        Assert.Equal($"--model-repository: {_current}/{expected}", error.Message);
    }

    private static string MakeModel(string folder, string repository)
    {
        string path = Path.Combine(folder, repository);
        Directory.CreateDirectory(Path.Combine(path, "m", "1"));
        return path;
    }
}
