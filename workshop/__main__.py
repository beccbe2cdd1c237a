from workshop.command import main

main()
